//! What an update refuses, in one sentence each, leaving everything as it was.

use std::{fs, path::Path};

use super::fixture::{Repository, Service};
use crate::support::generator::Outcome;

/// Both of them, or template-update alone, with these arguments.
fn is_refused(service: &Service, targets: &[&str], arguments: &[&str], sentence: &str) {
    for target in targets {
        let before = service.repository.state();
        let outcome = Outcome::of(service.make(&[&[*target], arguments].concat()));
        assert!(!outcome.succeeded, "{}", outcome.transcript);
        let said: Vec<_> = outcome.stderr.lines().collect();
        assert!(said[0].contains(sentence), "{}", outcome.transcript);
        // The other line is make's.
        assert_eq!(said.len(), 2, "{}", outcome.transcript);
        assert!(service.repository.state() == before, "{sentence}");
    }
}

const UPDATE: &[&str] = &["template-update"];
const BOTH: &[&str] = &["template-update", "template-diff"];

/// Where the template is.
fn source(service: &Service) -> String {
    format!("TEMPLATE_SOURCE={}", service.template.path())
}

#[test]
fn changes_that_are_not_committed() {
    let service = Service::new();
    service.repository.append("README.md", "ours\n");
    let sentence = "There are changes here that are not committed: commit or stash them first.";
    is_refused(&service, UPDATE, &[&source(&service)], sentence);
    service.repository.git(&["add", "README.md"]);
    is_refused(&service, UPDATE, &[&source(&service)], sentence);
}

#[test]
fn a_file_in_the_way_that_is_not_committed() {
    let service = Service::new();
    for ignored in [false, true] {
        if ignored {
            service.repository.write(".git/info/exclude", "/ci/new\n");
        }
        service.repository.write("ci/new", "ours\n");
        let arguments = [&source(&service), "SILENT=1"];
        is_refused(
            &service,
            UPDATE,
            &arguments,
            "The template brings ci/new along",
        );
    }
}

#[test]
fn a_directory_without_git() {
    let service = Service::new();
    let git = service.repository.0.join(".git");
    fs::rename(&git, service.scratch.path().join("git")).unwrap();
    let outcome = Outcome::of(service.make(&["template-update", &source(&service)]));
    assert!(!outcome.succeeded);
    assert!(
        outcome.stderr.starts_with("This is not a git repository"),
        "{}",
        outcome.stderr
    );
    // As cargo-generate leaves it: a repository without a commit.
    Repository(service.repository.0.clone()).git(&["init", "--quiet"]);
    let outcome = Outcome::of(service.make(&["template-update", &source(&service)]));
    assert!(
        outcome.stderr.starts_with("Nothing is committed here yet"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn no_cargo_generate() {
    let service = Service::new();
    stand_in(&service, "cargo", "[ \"$1\" != generate ]");
    let sentence = "cargo-generate is not installed: cargo install --locked cargo-generate";
    is_refused(&service, BOTH, &[&source(&service)], sentence);
}

#[test]
fn a_git_without_merge_trees() {
    let service = Service::new();
    stand_in(&service, "git", "echo git version 2.37.9 '(Apple Git-1)'");
    let outcome = Outcome::of(service.make(&["template-update", &source(&service)]));
    assert!(
        outcome
            .stderr
            .starts_with("git 2.38 or newer is needed; this is 2.37."),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_unknown_reference() {
    let service = Service::new();
    for reference in ["v9.9.9", "--all", "v0.1.0:hooks"] {
        let arguments = [&source(&service), &format!("TEMPLATE_REF={reference}")];
        is_refused(
            &service,
            BOTH,
            &arguments.map(|it| it as &str),
            &format!("has no {reference}."),
        );
    }
}

#[test]
fn a_template_that_nobody_knows() {
    let service = Service::new();
    let sentence = "Where is the template? Say TEMPLATE_SOURCE=<URL or path>";
    is_refused(&service, BOTH, &[], sentence);
    let sentence = "The template can't be cloned from /nowhere: fatal: ";
    is_refused(&service, BOTH, &["TEMPLATE_SOURCE=/nowhere"], sentence);
}

#[test]
fn a_template_without_the_release_that_the_service_was_made_from() {
    let service = Service::new();
    service
        .template
        .repository
        .git(&["tag", "--delete", "v0.1.0"]);
    is_refused(
        &service,
        BOTH,
        &[&source(&service)],
        "has no v0.1.0, which .template.toml names",
    );
}

#[test]
fn a_question_without_a_terminal() {
    let service = Service::new();
    let sentence = "The template has new questions (team): answer them in a terminal, or take";
    is_refused(&service, UPDATE, &[&source(&service)], sentence);
}

#[test]
fn a_service_that_has_forgotten_its_template() {
    let service = Service::changed_by(|service| {
        service.git(&["rm", "--quiet", ".template.toml"]);
    });
    is_refused(
        &service,
        BOTH,
        &[&source(&service)],
        "There is no .template.toml here",
    );
}

/// Puts a shell script before all other programs of that name.
pub fn stand_in(service: &Service, name: &str, script: &str) {
    let stand_ins = Repository(service.stand_ins.path().into());
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|directory| directory.join(name))
        .find(|path: &std::path::PathBuf| Path::exists(path))
        .unwrap();
    let real = real.display();
    stand_ins.write_script(name, &format!("#!/bin/sh\nreal={real}\n{script}\n"));
}
