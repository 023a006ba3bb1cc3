//! `make proto` lets no release break those who use the one before, unless its version says so.

use super::fixture::Service;

const BROKEN: &str = "The contract breaks users of v0.1.0: take that back, or put it into a new \
    package beside the old one, as in v2 beside v1, or raise the version in api/Cargo.toml to 0.2.0.";

#[test]
fn there_may_be_no_release_yet() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    let said = service.make(&["proto"]);
    assert!(said.contains("no release yet"), "{said}");
}

#[test]
fn bad_style_is_refused() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    service.edit_contract("rpc Hello(", "rpc hello(");
    let outcome = service.command(&["proto"]).output().unwrap();
    let said = String::from_utf8(outcome.stdout).unwrap();
    assert!(!outcome.status.success());
    assert!(said.contains("should be PascalCase"), "{said}");
}

#[test]
fn what_breaks_nobody_passes() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    service.repository.git(&["tag", "v0.1.0"]);
    // No releases, whatever they sort like.
    service.repository.git(&["tag", "v9"]);
    service.repository.git(&["tag", "v9.0.0-rc.1"]);
    let message = "string message = 1;";
    service.edit_contract(message, &format!("{message}\n  string language = 2;"));
    let said = service.make(&["proto"]);
    assert!(said.contains("whoever uses v0.1.0"), "{said}");
}

#[test]
fn what_breaks_users_takes_a_version_that_says_so() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    service.repository.git(&["tag", "v0.1.0"]);
    service.edit_contract("string message = 1;", "bytes message = 1;");
    service.refuses(&["proto"], BROKEN);
    service.set_version("0.1.0", "0.1.1");
    service.refuses(&["proto"], BROKEN);
    service.set_version("0.1.1", "0.2.0");
    let said = service.make(&["proto"]);
    assert!(said.contains("as version 0.2.0 may"), "{said}");
}

#[test]
fn from_the_first_major_version_on_a_minor_one_breaks_nobody() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    service.repository.git(&["tag", "v1.2.3"]);
    service.edit_contract("message = 1;", "message = 2;");
    let broken = BROKEN.replace("v0.1.0", "v1.2.3").replace("0.2.0", "2.0.0");
    for version in ["0.1.0", "1.3.0", "1.2.3"] {
        service.set_version("0.1.0", version);
        service.refuses(&["proto"], &broken);
        service.set_version(version, "0.1.0");
    }
    service.set_version("0.1.0", "2.0.0");
    service.make(&["proto"]);
}

#[test]
fn a_new_package_beside_the_old_one_breaks_nobody() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    service.repository.git(&["tag", "v0.1.0"]);
    let contract = service.answers.contract();
    let text = service.repository.read(&contract);
    let text = text.replace("order_book.v1", "order_book.v2");
    let text = text.replace("string message = 1;", "bytes text = 1;");
    service
        .repository
        .write(&contract.replace("/v1/", "/v2/"), &text);
    service.make(&["proto"]);
}

#[test]
fn a_release_from_before_there_was_an_api_is_not_compared() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    let repository = &service.repository;
    repository.git(&["mv", "api/proto", "proto"]);
    repository.commit("As it was");
    repository.git(&["tag", "v0.1.0"]);
    repository.git(&["mv", "proto", "api/proto"]);
    let said = service.make(&["proto"]);
    let sentence = "v0.1.0 had no contract in api/proto to compare with";
    assert!(said.contains(sentence), "{said}");
}

#[test]
fn a_shallow_clone_is_told_so() {
    let Some(service) = Service::with_buf() else {
        return;
    };
    let head = service.repository.git(&["rev-parse", "HEAD"]);
    service.repository.write(".git/shallow", &head);
    service.refuses(
        &["proto"],
        "This clone is shallow, and so doesn't know its releases: git fetch --unshallow --tags",
    );
}

#[test]
fn a_tool_that_is_missing_is_named_with_what_installs_it() {
    let service = Service::new();
    let here = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .any(|directory| directory.join("buf").exists());
    if !here {
        let sentence = "buf is not installed: make prepare ONLY=buf";
        service.refuses(&["proto"], sentence);
    }
}
