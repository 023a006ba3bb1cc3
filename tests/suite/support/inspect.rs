//! Reads a generated service without building it: everything parses, nothing of the template is
//! left, and each answer stands where it belongs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use heck::{ToSnakeCase, ToUpperCamelCase};
use protox::prost_reflect::DescriptorPool;

use super::{
    answers::Answers,
    command::run,
    repository::{files, questions, read, root},
};

/// Holds the service in `directory` against its answers.
pub fn inspect(directory: &Path, answers: &Answers) {
    let mut rendered = Vec::new();
    for (file, source) in same_files_as_the_template(directory, answers) {
        let path = directory.join(&file);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let holds = |text: &str| source.windows(2).any(|pair| pair == text.as_bytes());
        // The chassis has no placeholders, whatever it has of braces.
        if !file.starts_with("chassis") && (holds("{{") || holds("{%")) {
            let text = String::from_utf8(bytes).unwrap();
            nothing_of_the_template_is_left(&file, &text, answers);
            parses(&file, &text);
            rendered.push(file);
        } else {
            // The samples show that these parse, and are formatted.
            assert!(bytes == *source, "{} is another", file.display());
        }
    }
    manifest_shows(directory, answers);
    contract_shows(directory, answers);
    texts_show(directory, answers);
    are_formatted(directory, &rendered);
    lock_file_fits(directory);
}

/// Every name that a template file may use.
pub fn placeholders() -> BTreeSet<String> {
    let derived = read("hooks/derive-names.rhai");
    let derived = derived
        .split("variable::set(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned());
    let mut names: BTreeSet<_> = questions().into_iter().chain(derived).collect();
    // Put together in a loop there.
    assert!(names.remove("dir_"));
    names.extend((1..=8).map(|at| format!("dir_{at}")));
    names.extend(["project-name", "crate_name"].map(String::from));
    names
}

/// The service's files, each with what the template holds in its place.
fn same_files_as_the_template(
    directory: &Path,
    answers: &Answers,
) -> BTreeMap<PathBuf, &'static [u8]> {
    static TEMPLATE: LazyLock<BTreeMap<PathBuf, Vec<u8>>> = LazyLock::new(|| {
        let template = root().join("template");
        let bytes = |file: PathBuf| (file.clone(), fs::read(template.join(file)).unwrap());
        files(&template).into_iter().map(bytes).collect()
    });
    let own_chassis = answers.get("chassis") == "own";
    let expected: BTreeMap<_, _> = TEMPLATE
        .iter()
        .filter(|(file, _)| own_chassis || !file.starts_with("chassis"))
        // That of a member of somebody else's workspace.
        .filter(|(file, _)| !file.starts_with(".cargo"))
        .map(|(file, text)| match file.extension() {
            Some(extension) if extension == "proto" && !file.starts_with("chassis") => {
                (answers.contract().into(), &**text)
            }
            // So that cargo takes no manifest with placeholders for one.
            Some(extension) if extension == "liquid" => (file.with_extension(""), &**text),
            _ => (file.clone(), &**text),
        })
        .collect();
    let generated = BTreeSet::from_iter(files(directory));
    let expected_files = expected.keys().cloned().collect();
    let differ: Vec<_> = generated.symmetric_difference(&expected_files).collect();
    assert!(
        differ.is_empty(),
        "either missing or unexpected: {differ:?}"
    );
    expected
}

/// Where a file could not be rendered, cargo-generate may copy it as it is, and say nothing.
fn nothing_of_the_template_is_left(file: &Path, text: &str, answers: &Answers) {
    // Answers may hold what looks like Liquid, escaped in one way here and in another there.
    let unescaped = |text: &str| text.replace('\\', "");
    let given = answers.values.values().cloned();
    let text = given
        .chain([answers.author_name()])
        .map(|answer| unescaped(answer.trim()))
        .filter(|answer| answer.contains('{'))
        .fold(unescaped(text), |text, answer| text.replace(&answer, ""));
    let file = file.display();
    assert!(!text.contains("{%"), "{file} holds a Liquid tag");
    for name in placeholders() {
        for placeholder in [format!("{{{{{name}}}}}"), format!("{{{{ {name} }}}}")] {
            assert!(!text.contains(&placeholder), "{file} holds {placeholder}");
        }
    }
}

fn parses(file: &Path, text: &str) {
    let name = file.display();
    let extension = file.extension().and_then(|extension| extension.to_str());
    match extension {
        Some("toml" | "lock") => {
            text.parse::<toml::Table>()
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        Some("yml" | "yaml") => {
            yaml_rust2::YamlLoader::load_from_str(text)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        _ => {}
    }
}

fn manifest_shows(directory: &Path, answers: &Answers) {
    for (file, name) in [
        ("Cargo.toml", answers.name.clone()),
        ("api/Cargo.toml", format!("{}-api", answers.name)),
    ] {
        let text = fs::read_to_string(directory.join(file)).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let package = &manifest["package"];
        assert_eq!(package["name"].as_str(), Some(&*name), "{file}");
        let author = package["authors"][0].as_str();
        assert_eq!(author, Some(&*answers.get("author")), "{file}");
        if file == "Cargo.toml" {
            let description = package["description"].as_str();
            assert_eq!(description, Some(&*answers.get("description")));
        }
        let license = package.get("license").and_then(toml::Value::as_str);
        let license_file = package.get("license-file").and_then(toml::Value::as_str);
        match &*answers.get("license") {
            "proprietary" => assert!(license.is_none() && license_file.is_some(), "{file}"),
            name => assert_eq!((license, license_file), (Some(name), None), "{file}"),
        }
    }
}

fn contract_shows(directory: &Path, answers: &Answers) {
    let contract = answers.contract();
    let directory = directory.join("api/proto");
    let contract = contract.strip_prefix("api/proto/").unwrap();
    let descriptors = protox::compile([contract], [directory])
        .unwrap_or_else(|error| panic!("{contract}: {error}"));
    let pool = DescriptorPool::from_file_descriptor_set(descriptors).unwrap();
    let file = pool.get_file_by_name(contract).unwrap();
    let package = answers.get("proto_package");
    assert_eq!(file.package_name(), package);
    for part in package.split('.') {
        assert_eq!(part.to_snake_case(), part, "prost would rename this module");
    }

    let service = file.services().next().unwrap();
    let name = service.name();
    let pascal = answers.name.to_upper_camel_case();
    let expected = if pascal.ends_with("Service") {
        pascal
    } else {
        pascal + "Service"
    };
    assert_eq!(name, expected.to_upper_camel_case());
    assert_eq!(
        name.to_upper_camel_case(),
        name,
        "prost would rename this type"
    );
}

fn texts_show(directory: &Path, answers: &Answers) {
    let read = |file: &str| fs::read_to_string(directory.join(file)).unwrap();

    let license = read("LICENSE.md");
    let holder = format!(" {}", answers.author_name());
    let shown = markdown_text(&license);
    let copyright = shown
        .lines()
        .find(|line| line.starts_with("Copyright"))
        .unwrap();
    assert!(
        copyright.ends_with(&holder),
        "{copyright:?} ends in {holder:?}"
    );
    let title = match &*answers.get("license") {
        "MIT" => "# MIT License",
        "Apache-2.0" => "# Apache License 2.0",
        _ => "# All rights reserved",
    };
    assert_eq!(license.lines().next(), Some(title));

    let readme = read("README.md");
    let description = answers.get("description");
    assert!(
        markdown_text(&readme).contains(&description),
        "README.md shows {description:?}"
    );

    let registry = format!("REGISTRY ?= {}\n", answers.get("registry"));
    assert!(
        read("Makefile").contains(&registry),
        "Makefile has {registry:?}"
    );

    let cli = read("src/cli.rs");
    let port: u16 = answers.get("port").parse().unwrap();
    let upstream = if port == u16::MAX { port - 1 } else { port + 1 };
    for shown in [
        format!("port: {port},"),
        format!("const PORT: u16 = {upstream};"),
    ] {
        assert!(cli.contains(&shown), "src/cli.rs has {shown:?}");
    }
}

/// And so parses: cargo-generate formats nothing that a name made too long for its line.
fn are_formatted(directory: &Path, files: &[PathBuf]) {
    static RUSTFMT: LazyLock<PathBuf> =
        LazyLock::new(|| Path::new(env!("CARGO")).with_file_name("rustfmt"));
    let sources = files
        .iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    run(Command::new(&*RUSTFMT)
        .args([
            "--check",
            "--edition",
            "2024",
            "--config",
            "skip_children=true",
        ])
        .args(sources)
        .current_dir(directory));
}

fn lock_file_fits(directory: &Path) {
    // Not rustup's stand-in for it, which takes as long again.
    run(Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(directory));
}

/// What a reader of `source` sees: no markup, one line a paragraph.
fn markdown_text(source: &str) -> String {
    use pulldown_cmark::{Event, Options, Parser, TagEnd};

    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM;
    let mut shown = String::new();
    for event in Parser::new_ext(source, options) {
        match event {
            Event::Text(text) | Event::Code(text) => shown += &text,
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(TagEnd::Paragraph | TagEnd::Heading(_)) => {
                shown.push('\n');
            }
            _ => {}
        }
    }
    shown
}
