//! What a new system is like.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt};

use tempfile::TempDir;

use super::stage::{Stage, generate, generator};
use crate::{
    support::{
        answers::Answers,
        command::run,
        repository::{files, read, root},
    },
    toolchain::workflows::targets,
};

#[test]
fn every_answer_is_where_it_belongs() {
    let parent = TempDir::new().unwrap();
    let answers = Answers::new("corner-shop")
        .with("author", r#"Ada "Countess" Lovelace <ada@example.org>"#)
        .with("registry", "registry.example.org/shop")
        .with("license", "Apache-2.0");
    let system = generate(parent.path(), &answers);
    let manifest = |file: &str| -> toml::Table {
        let text = fs::read_to_string(system.join(file)).unwrap();
        text.parse().unwrap()
    };
    let workspace = &manifest("Cargo.toml")["workspace"]["package"];
    assert_eq!(
        workspace["authors"][0].as_str(),
        Some(&*answers.get("author"))
    );
    assert_eq!(workspace["license"].as_str(), Some("Apache-2.0"));
    let tests = &manifest("tests/Cargo.toml")["package"]["name"];
    assert_eq!(tests.as_str(), Some("corner-shop-tests"));
    let license = fs::read_to_string(system.join("LICENSE.md")).unwrap();
    assert!(license.contains("Ada \"Countess\" Lovelace"), "{license}");
    let makefile = fs::read_to_string(system.join("Makefile")).unwrap();
    assert!(makefile.contains("registry.example.org/shop"), "{makefile}");
}

#[test]
fn it_has_the_files_of_the_template_and_nothing_of_liquid() {
    let parent = TempDir::new().unwrap();
    let system = generate(parent.path(), &Answers::new("shop"));
    let template = root().join("system");
    let made = BTreeSet::from_iter(files(&system));
    let expected: BTreeSet<_> = files(&template)
        .into_iter()
        .filter(|file| !file.ends_with("cargo-generate.toml"))
        .map(|file| match file.extension() {
            Some(extension) if extension == "liquid" => file.with_extension(""),
            _ => file,
        })
        .collect();
    assert_eq!(made, expected);
    for file in made {
        let text = fs::read_to_string(system.join(&file)).unwrap();
        for tag in ["{%", "{{project-name", "{{ project-name"] {
            assert!(!text.contains(tag), "{} holds {tag}", file.display());
        }
        if file.starts_with("ci") {
            let execute = |path| fs::metadata(path).unwrap().permissions().mode() & 0o111;
            let is_run = text.starts_with("#!");
            assert_eq!(
                execute(system.join(&file)) != 0,
                is_run,
                "{}",
                file.display()
            );
        }
    }
}

/// cargo-generate renders a placeholder that nobody defines as nothing, and says nothing.
#[test]
fn every_placeholder_is_defined() {
    let asked = ["author", "registry", "license"].map(String::from);
    let derived = read("hooks/derive-system-names.rhai");
    let derived = derived.split("variable::set(\"").skip(1);
    let derived = derived.map(|rest| rest.split('"').next().unwrap().to_owned());
    let mut defined: BTreeSet<_> = asked.into_iter().chain(derived).collect();
    defined.insert("project-name".into());
    for file in files(&root().join("system")) {
        let text = read(root().join("system").join(&file));
        let mut text = text.as_str();
        while let Some((before, rest)) = text.split_once("{% raw %}") {
            is_defined(before, &defined);
            text = rest.split_once("{% endraw %}").unwrap().1;
        }
        is_defined(text, &defined);
    }
}

#[track_caller]
fn is_defined(text: &str, defined: &BTreeSet<String>) {
    for name in text.split("{{").skip(1) {
        let name = name.split("}}").next().unwrap().trim();
        assert!(defined.contains(name), "nobody defines {name:?}");
    }
}

#[test]
fn it_is_formatted_and_locked() {
    let stage = Stage::new();
    run(stage.command("cargo").args(["fmt", "--all", "--check"]));
    run(stage.command("cargo").args([
        "metadata",
        "--locked",
        "--offline",
        "--format-version",
        "1",
    ]));
    run(stage.command("ci/secrets").env("CI", "true"));
}

#[test]
fn shellcheck_has_nothing_against_its_scripts() {
    let stage = Stage::new();
    let check = "command -v shellcheck >/dev/null || exit 0; exec shellcheck -x ci/*";
    run(stage.command("sh").args(["-c", check]));
}

/// GitHub's expressions are not taken for Liquid.
#[test]
fn its_workflow_runs_targets_that_exist() {
    let stage = Stage::new();
    let workflow = stage.read(".github/workflows/ci.yml");
    assert!(
        workflow.contains("key: ${{ runner.os }}-${{ hashFiles("),
        "{workflow}"
    );
    let makefile = stage.read("Makefile");
    let targets = targets(&makefile);
    let steps = workflow
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- run: make "));
    let run: Vec<_> = steps.flat_map(str::split_whitespace).collect();
    assert!(run.len() > 3, "{workflow}");
    for target in run {
        assert!(targets.contains(target), "{target}");
    }
}

#[test]
fn each_target_is_told_of() {
    let stage = Stage::new();
    let help = run(stage.command("make").arg("--no-print-directory"));
    let makefile = stage.read("Makefile");
    let readme = stage.read("README.md");
    let targets = makefile.lines().filter_map(|line| line.split_once(": ## "));
    for (target, what) in targets {
        assert!(help.contains(&format!("  {target} ")), "{help}");
        assert!(
            target == "help" || readme.contains(&format!("make {target}")),
            "{target}: {what}"
        );
    }
}

/// What a service is asked is no question here, and a slip is noticed.
#[test]
fn other_questions_are_refused() {
    let parent = TempDir::new().unwrap();
    for (name, question, sentence) in [
        (
            "shop",
            "port",
            "There is no question `port`: a system has none.",
        ),
        (
            "shop",
            "lisense",
            "There is no question `lisense`. Did you mean `license`?",
        ),
    ] {
        let outcome = generator().run(parent.path(), &Answers::new(name).with(question, "1"));
        assert_eq!(outcome.refusal(), Some(sentence), "{}", outcome.transcript);
        fs::remove_dir(parent.path().join(name)).unwrap();
    }
    let outcome = generator().run(parent.path(), &Answers::new("Corner Shop"));
    let refusal = outcome.refusal().unwrap_or_default();
    assert!(
        refusal.starts_with("\"Corner Shop\" can't be the system's name:"),
        "{refusal}"
    );
}
