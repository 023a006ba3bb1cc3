//! What a program prints instead of running: help, version, or what is wrong.

use std::{env, process::ExitCode};

use clap::{
    Arg, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    similar,
    terminal::{complain, print},
};
use crate::about::About;

/// What to print instead of running: help, version, or what is wrong.
#[derive(Debug)]
pub struct Answer {
    about: &'static About,
    error: clap::Error,
    /// The flag that an unknown one was meant to be.
    meant: Option<String>,
}

impl Answer {
    pub(super) fn new(about: &'static About, command: &Command, error: clap::Error) -> Self {
        let meant = match (error.kind(), error.get(ContextKind::InvalidArg)) {
            (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) => {
                let flags = command.get_arguments().filter_map(Arg::get_long);
                similar::to(flag.trim_start_matches('-'), flags).map(Into::into)
            }
            _ => None,
        };
        Self {
            about,
            error,
            meant,
        }
    }

    /// Prints help and version to stdout, and ends well; what is wrong, in one
    /// line, to stderr, and ends with exit code 2.
    #[must_use]
    pub fn print(self) -> ExitCode {
        let text = self.error.to_string();
        if matches!(
            self.error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            let Err(error) = print(text) else {
                return ExitCode::SUCCESS;
            };
            complain(format_args!(
                "{}: can't write to stdout: {error}",
                self.about.name
            ));
            return ExitCode::FAILURE;
        }
        // clap puts what is wrong into the first paragraph, and usage below it.
        let problem = text.split("\n\n").next().unwrap_or(&text);
        let line = problem.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line.trim_start_matches("error: ");
        let name = self.about.name;
        let line = match (self.variable(), self.meant) {
            (Some(variable), _) => format!("{variable}: {line}"),
            (None, Some(meant)) => format!("{line}; is it --{meant}?"),
            (None, None) => line.into(),
        };
        complain(format_args!("{name}: {line} (see --help)"));
        ExitCode::from(2)
    }

    /// The environment variable that a bad value comes from; clap names the flag only.
    fn variable(&self) -> Option<String> {
        let text = |kind| match self.error.get(kind) {
            Some(ContextValue::String(text)) => Some(text.as_str()),
            _ => None,
        };
        let flag = text(ContextKind::InvalidArg)?.trim_start_matches('-');
        let variable = self.about.variable(flag.split(' ').next()?);
        let value = env::var(&variable).ok()?;
        (text(ContextKind::InvalidValue)? == value).then_some(variable)
    }
}
