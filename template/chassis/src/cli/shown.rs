//! What `--print-config` shows: the value of every flag, and where it is from.

use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};

use super::given::Given;
use crate::about::About;

/// The id of the flag that asks for it.
pub(super) const ID: &str = "print_config";

/// In the place of a secret.
const HIDDEN: &str = "***";

const DEFAULT: &str = "default";

/// Whether the values of `arg` are nobody else's business.
pub(super) fn is_secret(arg: &Arg) -> bool {
    arg.is_hide_env_values_set()
}

/// All flags of `command`, one a line, as in a file for `--config`, where defaults and what
/// can't stand there are comments.
pub(super) fn all(about: &About, command: &Command, given: &Given, matches: &ArgMatches) -> String {
    // Those with a variable; the others ask for something else than to run.
    let flags = command
        .get_arguments()
        .filter(|arg| arg.get_env().is_some());
    flags
        .map(|arg| {
            let name = arg.get_long().unwrap_or(arg.get_id().as_str());
            let origin = origin(about, arg, given, matches);
            match value(arg, given, matches) {
                None => format!("# {name} is not set\n"),
                Some(value) if origin == DEFAULT || value == HIDDEN || name == "config" => {
                    format!("# {name} = {value} # {origin}\n")
                }
                Some(value) => format!("{name} = {value} # {origin}\n"),
            }
        })
        .collect()
}

fn origin(about: &About, arg: &Arg, given: &Given, matches: &ArgMatches) -> String {
    let id = arg.get_id().as_str();
    match (given.of(id), matches.value_source(id)) {
        (Some(value), _) => format!("file: {}", value.origin),
        (None, Some(ValueSource::CommandLine)) => "flag".into(),
        (None, Some(ValueSource::EnvVariable)) => format!("environment: {}", about.variable(id)),
        _ => DEFAULT.into(),
    }
}

fn value(arg: &Arg, given: &Given, matches: &ArgMatches) -> Option<String> {
    let id = arg.get_id().as_str();
    let texts: Vec<_> = matches
        .get_raw(id)?
        .map(|raw| raw.to_string_lossy())
        .collect();
    if is_secret(arg) || given.of(id).is_some_and(|value| value.secret) {
        return Some(HIDDEN.into());
    }
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let mut values = texts.iter().map(|text| toml(text, is_switch));
    match arg.get_action() {
        ArgAction::Append => Some(format!("[{}]", values.collect::<Vec<_>>().join(", "))),
        _ => values.next_back(),
    }
}

/// `text` as a value of TOML. What is escaped in JSON is so in TOML.
fn toml(text: &str, is_switch: bool) -> String {
    let number = text.parse::<i64>().ok();
    if is_switch || number.is_some_and(|number| number.to_string() == text) {
        return text.into();
    }
    let quoted = serde_json::Value::from(text).to_string();
    // But for this one.
    quoted.replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_toml() {
        for (text, expected) in [
            ("42", "42"),
            ("-1", "-1"),
            ("007", r#""007""#),
            ("30s", r#""30s""#),
            ("", r#""""#),
            ("true", r#""true""#),
            ("a \"b\"\\\n\u{1b}\u{7f}ü", r#""a \"b\"\\\n\u001b\u007fü""#),
        ] {
            assert_eq!(toml(text, false), expected);
        }
        assert_eq!(toml("true", true), "true");
    }
}
