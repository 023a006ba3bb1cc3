//! What a program is told by files: the values of flags that stand neither on its command line
//! nor in its environment.
//!
//! They are put in front of the command line, so that all that is asked of flags, such as that
//! one needs another, is asked of these as well.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::OsString,
    fs,
};

use clap::{Arg, ArgAction, Command, parser::ValueSource};

#[cfg(feature = "config")]
use super::config;
use crate::about::About;

/// Values of flags from files, by the ids of those.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<String, Value>);

#[derive(Debug)]
pub(super) struct Value {
    /// The file, and who named it.
    pub(super) origin: String,
    /// Whether nobody else should see it: it stood in a file of its own.
    pub(super) secret: bool,
    texts: Vec<String>,
}

impl Given {
    /// What is said of the flags of `command` by the files that `arguments` and the
    /// environment name; or what is wrong with one of these.
    pub(super) fn read(
        about: &About,
        command: &Command,
        arguments: &[OsString],
    ) -> Result<Self, String> {
        let mut command = command.clone().ignore_errors(true);
        // Help and version are asked for, whatever stands in files.
        let Ok(matches) = command.try_get_matches_from_mut(arguments) else {
            return Ok(Self::default());
        };
        let on_command_line = |arg: &&Arg| {
            matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
        };
        let flags = || {
            command
                .get_arguments()
                .filter(|arg| arg.get_env().is_some())
        };
        let variables: BTreeSet<_> = flags().filter_map(Arg::get_env).collect();
        let mut given = Self::default();
        for arg in flags().filter(|arg| !on_command_line(arg)) {
            let variable = about.variable(arg.get_id().as_str());
            let named = format!("{variable}_FILE");
            // Such as that of --allow-file, which is no file with the value of --allow.
            if variables.contains(&*OsString::from(&named)) {
                continue;
            }
            let Some(path) = env::var_os(&named) else {
                continue;
            };
            if env::var_os(&variable).is_some() {
                return Err(format!("{variable} and {named} are both set: remove one"));
            }
            let text = fs::read_to_string(&path)
                .map_err(|error| format!("{named}: {}: {error}", path.display()))?;
            let text = text.trim_end_matches(['\r', '\n']).to_owned();
            let value = Value {
                origin: format!("{named}: {}", path.display()),
                secret: true,
                texts: vec![text],
            };
            given.0.insert(arg.get_id().to_string(), value);
        }
        #[cfg(feature = "config")]
        if let Some(path) = matches.get_one::<std::path::PathBuf>(config::ID) {
            for (key, texts) in config::read(path, flags())? {
                let arg = flags().find(|arg| arg.get_long() == Some(&key));
                let Some(arg) = arg.filter(|arg| !on_command_line(arg)) else {
                    continue;
                };
                let id = arg.get_id().as_str();
                if env::var_os(about.variable(id)).is_none() && !given.0.contains_key(id) {
                    let value = Value {
                        origin: path.display().to_string(),
                        secret: false,
                        texts,
                    };
                    given.0.insert(id.into(), value);
                }
            }
        }
        Ok(given)
    }

    /// The value of the flag of this id, if a file has it.
    pub(super) fn of(&self, id: &str) -> Option<&Value> {
        self.0.get(id)
    }

    /// Adds the values to `arguments`, which begin with the name of the program.
    pub(super) fn add_to(
        &self,
        command: &Command,
        mut arguments: Vec<OsString>,
    ) -> Result<Vec<OsString>, String> {
        let mut added = Vec::new();
        for arg in command.get_arguments() {
            let (Some(value), Some(long)) = (self.of(arg.get_id().as_str()), arg.get_long()) else {
                continue;
            };
            for text in &value.texts {
                if !matches!(arg.get_action(), ArgAction::SetTrue) {
                    added.push(format!("--{long}={text}").into());
                } else if text == "true" {
                    added.push(format!("--{long}").into());
                } else if text != "false" {
                    let origin = &value.origin;
                    return Err(format!("{origin}: --{long} is a switch: true or false"));
                }
            }
        }
        let after_name = arguments.len().min(1);
        arguments.splice(after_name..after_name, added);
        Ok(arguments)
    }
}
