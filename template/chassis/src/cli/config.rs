//! A file of settings (feature `config`): TOML, whose keys are the names of flags.

use std::{fs, path::Path};

use clap::Arg;
use toml::{Table, Value};

use super::similar;

/// The id of the flag that names the file.
pub(super) const ID: &str = "config";

/// The names of flags and their values in the file at `path`; or what is wrong with it.
pub(super) fn read<'a>(
    path: &Path,
    flags: impl Iterator<Item = &'a Arg>,
) -> Result<Vec<(String, Vec<String>)>, String> {
    let file = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text[..start].matches('\n').count() + 1;
        format!("{file} line {line}: {}", error.message())
    })?;
    let names = flags.filter(|flag| flag.get_id() != ID);
    let names: Vec<_> = names.filter_map(Arg::get_long).collect();
    let settings = table.into_iter().map(|(key, value)| {
        if !names.contains(&&*key) {
            let key = key.escape_debug();
            let meant = similar::to(&key.to_string(), names.iter().copied());
            let meant = meant.map_or(String::new(), |meant| format!("; is it {meant}?"));
            return Err(format!(
                "{file}: \"{key}\" is not the name of a flag{meant}"
            ));
        }
        let values = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        let texts = values.into_iter().map(text_of).collect::<Option<Vec<_>>>();
        match texts {
            Some(texts) => Ok((key, texts)),
            None => Err(format!(
                "{file}: \"{key}\" has to be a text, a number, true or false"
            )),
        }
    });
    settings.collect()
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}
