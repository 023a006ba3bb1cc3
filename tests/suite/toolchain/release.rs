//! `make release` tags what passes its checks, pushes nothing, and otherwise leaves everything as it was;
//! `make release-publish` hands the tagged release to the forge.

use std::{fs, process::Command};

use super::fixture::Service;
use crate::support::command::run;

#[test]
fn a_version_is_three_numbers() {
    let service = Service::new();
    for version in [
        "",
        "1",
        "1.2",
        "v1.2.3",
        "01.2.3",
        "1.2.3-rc.1",
        "1.2.3 ",
        "1.2.3; ls",
    ] {
        let sentence = format!(
            "VERSION={version} is no version: give three numbers, as in make release VERSION=1.2.3"
        );
        service.refuses(&["release", &format!("VERSION={version}")], &sentence);
    }
}

#[test]
fn the_tree_has_to_be_clean() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    let sentence = "There are changes here that are not committed: commit or stash them first.";
    service.repository.write("new", "");
    service.refuses(&["release", "VERSION=0.1.0"], sentence);
    service.repository.git(&["clean", "--quiet", "--force"]);
    service.repository.append("README.md", "new\n");
    service.refuses(&["release", "VERSION=0.1.0"], sentence);
    service.repository.git(&["add", "--all"]);
    service.refuses(&["release", "VERSION=0.1.0"], sentence);
}

#[test]
fn the_changelog_has_to_say_something() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    let entry = "- Answers `Hello` with the message it was sent.\n";
    service.repository.edit("CHANGELOG.md", entry, "");
    service.repository.commit("Silence");
    service.refuses(
        &["release", "VERSION=0.1.0"],
        "CHANGELOG.md says nothing below [Unreleased]: write what users of this service will notice.",
    );
}

#[test]
fn versions_only_grow() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    service.repository.git(&["tag", "v0.10.0"]);
    service.refuses(
        &["release", "VERSION=0.10.0"],
        "There is a release v0.10.0 already.",
    );
    service.refuses(
        &["release", "VERSION=0.9.1"],
        "VERSION=0.9.1 is not newer than the newest release, v0.10.0.",
    );
}

#[test]
fn tests_that_fail_take_everything_back() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    service.repository.write("failing", "");
    service.repository.commit("Fail");
    service.refuses(
        &["release", "VERSION=0.1.1"],
        "There is no release v0.1.1: everything is as it was.",
    );
}

#[test]
fn a_breaking_change_takes_a_new_major_version() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    service.repository.git(&["tag", "v1.0.0"]);
    service.edit_contract("message = 1;", "message = 2;");
    service.repository.commit("Break");
    service.refuses(
        &["release", "VERSION=1.1.0"],
        "There is no release v1.1.0: everything is as it was.",
    );
    service.make(&["release", "VERSION=2.0.0"]);
}

#[test]
fn what_passes_is_committed_and_tagged_and_not_pushed() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    let repository = &service.repository;
    let origin = service.beside("origin");
    let origin = origin.to_str().unwrap();
    repository.git(&["clone", "--quiet", "--bare", ".", origin]);
    repository.git(&["remote", "add", "origin", origin]);
    let before = run(Command::new("git").args(["-C", origin, "show-ref"]));

    let said = service.make(&["release", "VERSION=0.2.0"]);
    assert!(said.contains("git push --follow-tags"), "{said}");
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    assert_eq!(repository.git(&["cat-file", "-t", "v0.2.0"]), "tag\n");
    let changed = repository.git(&["show", "--format=%s", "--name-only", "v0.2.0^{commit}"]);
    assert_eq!(
        changed.split_whitespace().collect::<Vec<_>>(),
        [
            "Release",
            "0.2.0",
            "CHANGELOG.md",
            "Cargo.lock",
            "Cargo.toml",
            "api/Cargo.toml"
        ]
    );
    // The service's and the contract's are one.
    for (manifest, name) in [
        ("Cargo.toml", "order-book"),
        ("api/Cargo.toml", "order-book-api"),
    ] {
        let text = repository.read(manifest);
        assert!(text.contains("\nversion = \"0.2.0\"\n"), "{text}");
        let package = format!("name = \"{name}\"\nversion = \"0.2.0\"\n");
        assert!(repository.read("Cargo.lock").contains(&package), "{name}");
    }
    let today = run(Command::new("date").args(["-u", "+%Y-%m-%d"]));
    let heading = format!("## [Unreleased]\n\n## [0.2.0] - {today}\n- Answers `Hello`");
    let changelog = repository.read("CHANGELOG.md");
    assert!(changelog.contains(&heading), "{changelog}");
    let after = run(Command::new("git").args(["-C", origin, "show-ref"]));
    assert_eq!(after, before);

    // The next one has to say something new, and finds this one.
    repository.edit(
        "CHANGELOG.md",
        "[Unreleased]\n",
        "[Unreleased]\n\n- More.\n",
    );
    repository.commit("More");
    service.make(&["release", "VERSION=0.2.1"]);
}

#[test]
fn the_forge_gets_what_belongs_to_the_tag() {
    let service = Service::new();
    let repository = &service.repository;
    repository.edit("CHANGELOG.md", "## [Unreleased]", "## [0.1.0] - 2026-01-01");
    repository.append("CHANGELOG.md", "\n## [0.0.1]\n\n- Nothing.\n");
    repository.commit("Release");
    let said = service.beside("said");
    service.stand_in(
        "gh",
        &format!("{{ echo \"$@\"; cat; }} >'{}'", said.display()),
    );
    service.refuses(
        &["release-publish"],
        "The commit that is checked out is not tagged v0.1.0: make release makes that tag.",
    );
    repository.git(&["tag", "v0.1.0"]);
    service.refuses(
        &["release-publish"],
        "deploy/order-book is missing: make all sbom",
    );
    for file in ["deploy/order-book", "deploy/order-book.cdx.json"] {
        repository.write(file, "");
    }
    service.make(&["release-publish"]);
    assert_eq!(
        fs::read_to_string(said).unwrap(),
        "release create v0.1.0 --verify-tag --title order-book 0.1.0 --notes-file - \
         deploy/order-book deploy/order-book.cdx.json\n\
         - Answers `Hello` with the message it was sent.\n"
    );
}
