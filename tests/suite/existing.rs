//! What is there already, around the place where the service goes.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::support::{
    answers::{Answers, example},
    command::run,
    generator::{Generator, Outcome},
    inspect::inspect,
};

const WORKSPACE: &str = "# Ours.\n[workspace]\nresolver = \"3\"\nmembers = []  # none yet\n";

fn order_book() -> Answers {
    Answers::new("order-book")
}

/// Generates in `directory` with these arguments, asking nothing.
fn generate(generator: &Generator, directory: &Path, arguments: &[&str]) -> Outcome {
    let mut command = generator.command(directory);
    command
        .args(["--silent", "--name", "order-book"])
        .args(arguments);
    Outcome::of(command)
}

#[test]
fn a_directory_of_that_name_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let existing = directory.path().join("order-book");
    fs::create_dir(&existing).unwrap();
    fs::write(existing.join("README.md"), "mine").unwrap();
    let outcome = Generator::oldest().run(directory.path(), &order_book());
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    let sentence = "Target directory already exists, aborting!";
    assert!(outcome.stderr.contains(sentence), "{}", outcome.transcript);
    assert_eq!(
        fs::read_to_string(existing.join("README.md")).unwrap(),
        "mine"
    );
    assert_eq!(fs::read_dir(&existing).unwrap().count(), 1);
}

#[test]
fn a_destination_that_takes_nothing_is_an_error() {
    let directory = TempDir::new().unwrap();
    // Nobody, root included, makes a directory in /proc or below what is not there.
    for destination in ["/proc", "missing"] {
        let generator = Generator::oldest();
        let outcome = generate(
            &generator,
            directory.path(),
            &["--destination", destination],
        );
        assert!(!outcome.succeeded, "{}", outcome.transcript);
        assert!(
            outcome.stderr.contains("os error 2"),
            "{}",
            outcome.transcript
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_path_may_hold_spaces_and_umlauts() {
    let directory = TempDir::new().unwrap();
    let directory = directory.path().join("Größe 2 'ü\" $x");
    fs::create_dir(&directory).unwrap();
    let answers = example("cafe-2go-service");
    let service = Generator::oldest().generate(&directory, &answers);
    inspect(&service, &answers);
    let help = run(std::process::Command::new("make").current_dir(&service));
    assert!(help.contains("deploy/cafe-2go-service"), "{help}");
}

#[test]
fn a_workspace_takes_the_service_in_and_is_warned_of() {
    let directory = TempDir::new().unwrap();
    let manifest = directory.path().join("Cargo.toml");
    fs::write(&manifest, WORKSPACE).unwrap();
    let outcome = generate(&Generator::oldest(), directory.path(), &[]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    let warning = format!(
        "There is a Cargo.toml above {}. If it is a workspace, the service becomes a member, and \
         cargo-generate writes that file anew, without its comments; to keep them, stop here, use \
         --no-workspace, and enter the service yourself. A service apart from it takes \
         --no-workspace -d workspace=own.",
        directory.path().join("order-book").display(),
    );
    assert!(
        outcome.transcript.contains(&warning),
        "{}",
        outcome.transcript
    );
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    assert_eq!(
        manifest["workspace"]["members"][0].as_str(),
        Some("order-book")
    );
    assert!(!directory.path().join("order-book/.git").exists());
}

#[test]
fn a_workspace_is_left_alone_when_told_so() {
    let directory = TempDir::new().unwrap();
    let manifest = directory.path().join("Cargo.toml");
    fs::write(&manifest, WORKSPACE).unwrap();
    let outcome = generate(&Generator::oldest(), directory.path(), &["--no-workspace"]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    assert_eq!(fs::read_to_string(manifest).unwrap(), WORKSPACE);
}

#[test]
fn outside_of_workspaces_nobody_is_warned() {
    let directory = TempDir::new().unwrap();
    let outcome = generate(&Generator::oldest(), directory.path(), &[]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    assert!(
        !outcome.transcript.contains("workspace"),
        "{}",
        outcome.transcript
    );
}

#[test]
fn a_service_is_a_git_repository_unless_told_otherwise() {
    for (arguments, repository) in [(&[][..], true), (&["--vcs", "none"], false)] {
        let directory = TempDir::new().unwrap();
        let outcome = generate(&Generator::oldest(), directory.path(), arguments);
        assert!(outcome.succeeded, "{}", outcome.transcript);
        let git = directory.path().join("order-book/.git");
        assert_eq!(git.exists(), repository, "{arguments:?}");
    }
}

#[test]
fn a_git_repository_around_it_is_left_alone() {
    let directory = TempDir::new().unwrap();
    run(std::process::Command::new("git")
        .args(["init", "--quiet"])
        .current_dir(&directory));
    let service = Generator::oldest().generate(directory.path(), &order_book());
    inspect(&service, &order_book());
    let list = ["status", "--porcelain"];
    let status = run(std::process::Command::new("git")
        .args(list)
        .current_dir(&directory));
    assert_eq!(status, "?? order-book/\n");
}

#[test]
fn init_fills_the_directory_that_one_is_in() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("notes.txt"), "mine").unwrap();
    let outcome = generate(&Generator::oldest(), directory.path(), &["--init"]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    assert_eq!(
        fs::read_to_string(directory.path().join("notes.txt")).unwrap(),
        "mine"
    );
    fs::remove_file(directory.path().join("notes.txt")).unwrap();
    inspect(directory.path(), &order_book());
}

/// Nothing was made there, so nothing is to be removed.
#[test]
fn init_refuses_without_advice_to_remove_anything() {
    let directory = TempDir::new().unwrap();
    let arguments = ["--init", "--define", "port=0"];
    let outcome = generate(&Generator::oldest(), directory.path(), &arguments);
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    assert!(outcome.refusal().is_some(), "{}", outcome.transcript);
    assert!(
        !outcome.transcript.contains("remove"),
        "{}",
        outcome.transcript
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn without_a_git_identity_the_user_is_the_author() {
    let directory = TempDir::new().unwrap();
    let generator = Generator::oldest();
    let mut command = generator.command(directory.path());
    command
        .env_remove("CARGO_NAME")
        .env_remove("CARGO_EMAIL")
        .args(["--silent", "--name", "order-book"]);
    let outcome = Outcome::of(command);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    inspect(
        &directory.path().join("order-book"),
        &order_book().with("author", "grace"),
    );
}

#[test]
fn without_any_identity_the_message_says_what_to_set() {
    let directory = TempDir::new().unwrap();
    let generator = Generator::oldest();
    let mut command = generator.command(directory.path());
    for variable in ["CARGO_NAME", "CARGO_EMAIL", "USER", "HOME"] {
        command.env_remove(variable);
    }
    command.args(["--silent", "--name", "order-book"]);
    let outcome = Outcome::of(command);
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    let advice = "could not determine the current user, please set $USER";
    assert!(outcome.stderr.contains(advice), "{}", outcome.transcript);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn no_home_is_needed() {
    let directory = TempDir::new().unwrap();
    let generator = Generator::oldest();
    let mut command = generator.command(directory.path());
    command
        .env_remove("HOME")
        .args(["--silent", "--name", "order-book"]);
    let outcome = Outcome::of(command);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    inspect(&directory.path().join("order-book"), &order_book());
}

#[test]
fn answers_in_the_environment_are_held_against_the_rules_too() {
    let directory = TempDir::new().unwrap();
    let generator = Generator::oldest();
    for (variable, answer, problem) in [
        ("PORT", "0", "\"0\" is not a port"),
        ("PROT", "1", "There is no question `prot`."),
        (
            "PROJECT_NAME",
            "tokio",
            "There is no question `project_name`.",
        ),
    ] {
        let mut command = generator.command(directory.path());
        command
            .env(format!("CARGO_GENERATE_VALUE_{variable}"), answer)
            .args(["--silent", "--name", "order-book"]);
        let outcome = Outcome::of(command);
        let refusal = outcome
            .refusal()
            .unwrap_or_else(|| panic!("{}", outcome.transcript));
        assert!(refusal.starts_with(problem), "{refusal}");
        fs::remove_dir(directory.path().join("order-book")).unwrap();
    }
}
