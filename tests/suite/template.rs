//! The template's own files.

use std::{collections::BTreeSet, path::PathBuf};

use crate::support::{
    inspect::placeholders,
    repository::{files, read, root},
};

/// cargo-generate renders a placeholder that nobody defines as nothing, and says nothing.
#[test]
fn every_placeholder_is_defined() {
    let defined = placeholders();
    for file in rendered() {
        let name = file.to_str().unwrap();
        let mut used = names_used(name);
        used.extend(names_used(&read(format!("template/{name}"))));
        let undefined: Vec<_> = used.difference(&defined).collect();
        assert!(
            undefined.is_empty(),
            "template/{name} uses {undefined:?}, which nobody defines"
        );
    }
}

#[test]
fn every_placeholder_is_used() {
    let mut unused = placeholders();
    for file in rendered() {
        let name = file.to_str().unwrap();
        for used in names_used(&(name.to_owned() + &read(format!("template/{name}")))) {
            unused.remove(&used);
        }
    }
    // Asked for to derive others from.
    for question in ["author", "description", "chassis"] {
        unused.remove(question);
    }
    assert!(unused.is_empty(), "nothing in template/ uses {unused:?}");
}

/// A service that takes the chassis from a release names the template's tag.
#[test]
fn the_chassis_has_the_version_of_the_template() {
    let manifest: toml::Table = read("template/chassis/Cargo.toml").parse().unwrap();
    let version = manifest["package"]["version"].as_str().unwrap();
    let released = format!("\"v{version}\"");
    assert!(read("hooks/origin.rhai").contains(&released), "{released}");
}

/// The files in which Liquid is rendered: all but those of the chassis.
fn rendered() -> impl Iterator<Item = PathBuf> {
    let files = files(&root().join("template")).into_iter();
    files.filter(|file| !file.starts_with("chassis"))
}

/// The names in the Liquid tags and outputs of `text`.
fn names_used(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let close = if rest[start..].starts_with("{{") {
            "}}"
        } else {
            "%}"
        };
        let tag = &rest[start + 2..];
        let end = tag.find(close).expect("every tag is closed");
        let (tag, after) = (tag[..end].trim_matches(['-', ' ']), &tag[end + 2..]);
        rest = match tag {
            "raw" => &after[after.find("{% endraw %}").expect("raw ends")..],
            _ => after,
        };
        let unquoted = tag.split('"').step_by(2);
        let words = unquoted.flat_map(|part| part.split([' ', '|', '=', '!']));
        names.extend(
            words
                .filter(|word| !word.is_empty() && !LIQUID.contains(word))
                .map(String::from),
        );
    }
    names
}

/// Liquid's own words.
const LIQUID: [&str; 8] = ["if", "elsif", "else", "endif", "raw", "endraw", "or", "and"];
