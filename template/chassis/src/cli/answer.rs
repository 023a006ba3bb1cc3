//! What a program prints instead of running: help, version, its settings, or what is wrong.

use std::{env, process::ExitCode};

use clap::{
    Arg, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    given::Given,
    shown, similar,
    terminal::{complain, print},
};
use crate::about::About;

/// What to print instead of running: help, version, its settings, or what is wrong.
#[derive(Debug)]
pub struct Answer {
    about: &'static About,
    told: Told,
}

#[derive(Debug)]
enum Told {
    /// What was asked for.
    Text(String),
    /// What is wrong, in one sentence.
    Problem(String),
}

impl Answer {
    /// What was asked for.
    pub(super) fn text(about: &'static About, text: String) -> Self {
        let told = Told::Text(text);
        Self { about, told }
    }

    /// What is wrong, in one sentence.
    pub(super) fn problem(about: &'static About, problem: String) -> Self {
        let told = Told::Problem(problem);
        Self { about, told }
    }

    /// What clap says of a command line that has the values of `given` in it.
    pub(super) fn of_clap(
        about: &'static About,
        command: &Command,
        given: &Given,
        error: &clap::Error,
    ) -> Self {
        let text = error.to_string();
        if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion = error.kind() {
            return Self::text(about, text);
        }
        // clap puts what is wrong into the first paragraph, and usage below it.
        let problem = text.split("\n\n").next().unwrap_or(&text);
        let line = problem.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line.trim_start_matches("error: ");
        let flag = context(error, ContextKind::InvalidArg);
        let flag = flag.map(|flag| flag.trim_start_matches('-'));
        if error.kind() == ErrorKind::UnknownArgument {
            let flags = || command.get_arguments().filter_map(Arg::get_long);
            let meant = flag.and_then(|flag| similar::to(flag, flags()));
            let meant = meant.map_or(String::new(), |meant| format!("; is it --{meant}?"));
            return Self::problem(about, format!("{line}{meant}"));
        }
        let long = flag.and_then(|flag| flag.split(' ').next());
        let arg = command.get_arguments().find(|arg| arg.get_long() == long);
        let value = context(error, ContextKind::InvalidValue);
        let (Some(arg), Some(value)) = (arg.filter(|_| long.is_some()), value) else {
            return Self::problem(about, line.into());
        };
        let given = given.of(arg.get_id().as_str());
        let line = if shown::is_secret(arg) || given.is_some_and(|it| it.secret) {
            line.replace(&format!("'{value}'"), "'***'")
        } else {
            line.into()
        };
        let variable = about.variable(arg.get_id().as_str());
        let origin = match given {
            Some(given) => Some(given.origin.clone()),
            // clap names the flag only.
            None => (env::var(&variable).is_ok_and(|text| text == value)).then_some(variable),
        };
        let problem = match origin {
            Some(origin) => format!("{origin}: {line}"),
            None => line,
        };
        Self::problem(about, problem)
    }

    /// Prints what was asked for to stdout, and ends well; what is wrong, in one
    /// line, to stderr, and ends with exit code 2.
    #[must_use]
    pub fn print(self) -> ExitCode {
        let name = self.about.name;
        match self.told {
            Told::Text(text) => match print(text) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    complain(format_args!("{name}: can't write to stdout: {error}"));
                    ExitCode::FAILURE
                }
            },
            Told::Problem(problem) => {
                complain(format_args!("{name}: {problem} (see --help)"));
                ExitCode::from(2)
            }
        }
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text),
        _ => None,
    }
}
