//! Where a service may come from: a release, by git URL and tag, or this repository itself.

use std::fs;

use super::stage::Stage;
use crate::support::{
    command::run,
    repository::{git, oldest, root},
};

fn is_taken_in_by_cargo(stage: &Stage) {
    let metadata = ["metadata", "--locked", "--offline", "--format-version", "1"];
    run(stage.command("cargo").args(metadata));
}

#[test]
fn a_release_is_had_by_git_url_and_tag() {
    let stage = Stage::of_three();
    let billing = stage.service("billing", "42305");
    git(&billing, &["init", "--quiet", "--initial-branch", "main"]);
    git(&billing, &["add", "--all"]);
    git(&billing, &["commit", "--quiet", "--message", "0.1.0"]);
    git(&billing, &["tag", "v0.1.0"]);
    // What came later is no part of that release.
    let manifest = billing.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let (old, new) = ("version = \"0.1.0\"", "version = \"0.2.0\"");
    fs::write(&manifest, text.replacen(old, new, 1)).unwrap();
    git(
        &billing,
        &["commit", "--quiet", "--all", "--message", "0.2.0"],
    );

    let url = format!("file://{}#v0.1.0", billing.display());
    stage.adds(&[&format!("FROM={url}"), "CALLS=front", "IMAGE=billing:1"]);
    let told = stage.read("services/billing/service.toml");
    assert!(told.contains(&format!("from = \"{url}\"")), "{told}");
    let lock = stage.read("versions.lock");
    assert!(lock.contains("\nbilling 0.1.0 sha256:"), "{lock}");
    let api = stage.system.join("services/billing/api/Cargo.toml");
    assert!(api.exists());
    is_taken_in_by_cargo(&stage);
}

/// A team that has all in one: its services share the chassis there, and the workspace.
#[test]
fn services_made_here_share_a_chassis() {
    let stage = Stage::of_three();
    stage.has_program("cargo-generate", oldest());
    let template = format!("TEMPLATE={}", root().display());
    let makes = |name: &str, port: &str| {
        let [name, port] = [format!("NAME={name}"), format!("PORT={port}")];
        let arguments = ["new", &name, &template, &port, "PROTO_PACKAGE=shop.v1"];
        run(stage.command("make").args(arguments))
    };
    makes("billing", "42305");
    makes("shipping", "42306");
    for name in ["billing", "shipping"] {
        assert!(!stage.system.join(name).join("chassis").exists());
        let manifest = stage.read(&format!("{name}/Cargo.toml"));
        assert!(manifest.contains("path = \"../chassis\""), "{manifest}");
    }
    stage.commit();
    stage.adds(&["FROM=./billing", "IMAGE=billing:1"]);
    stage.adds(&["FROM=./shipping", "CALLS=billing", "IMAGE=shipping:1"]);
    // It is a member of the workspace, so there can't be another.
    assert!(!stage.system.join("services/billing/api").exists());
    let tests = stage.read("tests/Cargo.toml");
    assert!(
        tests.contains("billing-api = { path = \"../billing/api\" }"),
        "{tests}"
    );
    is_taken_in_by_cargo(&stage);

    stage.commit();
    let again = ["new", "NAME=billing", &template];
    stage.refuses(&again, "There is a billing here already.");
    let wrong = ["new", "NAME=Billing", &template];
    stage.refuses(&wrong, "\"Billing\" can't be the service's name");
}
