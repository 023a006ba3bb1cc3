//! `make add`: what it writes, and what it refuses.

use std::fs;

use yaml_rust2::YamlLoader;

use super::stage::Stage;
use crate::support::{command::run, repository::git};

#[test]
fn a_service_is_told_where_those_are_that_it_calls() {
    let stage = Stage::of_three();
    let compose = &YamlLoader::load_from_str(&stage.read("services/front/compose.yml")).unwrap()[0];
    let front = &compose["services"]["front-2"];
    let variables = &front["environment"];
    assert_eq!(variables["FRONT_CLIENT_IP"].as_str(), Some("order-book"));
    assert_eq!(front["ports"][0].as_str(), Some("127.0.0.1:42402:42302"));
    assert_eq!(front["container_name"].as_str(), Some("shop-front-2"));
    let waits = &front["depends_on"]["order-book-1"]["condition"];
    assert_eq!(waits.as_str(), Some("service_healthy"));
    assert_eq!(
        run(&mut stage.command("ci/order")),
        "inventory\norder-book\nfront\n"
    );

    // Its contract is at hand, and so the tests can be written.
    run(stage.command("cargo").args([
        "metadata",
        "--locked",
        "--offline",
        "--format-version",
        "1",
    ]));
    let manifest: toml::Table = stage.read("tests/Cargo.toml").parse().unwrap();
    assert!(manifest["dependencies"].get("order-book-api").is_some());
    let lock = stage.read("versions.lock");
    let line = lock
        .lines()
        .find(|line| line.starts_with("order-book "))
        .unwrap();
    assert!(line.starts_with("order-book 0.1.0 sha256:"), "{line}");
    let status = stage.make(&["render"]);
    assert!(status.status.success(), "{status:?}");
    assert_eq!(
        git(&stage.system, &["status", "--porcelain"]),
        "",
        "rendered anew, it is another"
    );
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_half_added() {
    let stage = Stage::of_three();
    stage.service("billing", "42305");
    stage.service("shipping", "42304");
    let add = |arguments: &[&str], sentence: &str| {
        stage.refuses(&[&["add", "IMAGE=billing:1"], arguments].concat(), sentence);
    };
    add(
        &["FROM="],
        "FROM is empty: give a checkout, as in ../inventory",
    );
    add(
        &["FROM=../nowhere"],
        "There is no directory ../nowhere: give a checkout",
    );
    add(&["FROM=.."], ".. holds no service of the template");
    add(
        &["FROM=https://git.example.org/billing"],
        "https://git.example.org/billing names no release",
    );
    add(
        &["FROM=../billing#v9"],
        "There is no v9 to be had from ../billing: ",
    );
    add(
        &["FROM=../inventory"],
        "The system has inventory already, from ../inventory",
    );
    add(
        &["FROM=../billing", "CALLS=stock"],
        "CALLS=stock is no service of this system",
    );
    add(
        &["FROM=../billing", "CALLS=billing"],
        "billing can't wait for itself",
    );
    add(
        &["FROM=../shipping"],
        "Port 42304 of shipping is that of inventory-1",
    );
    add(
        &["FROM=../billing", "PORT=42403"],
        "Port 42403 of billing is that of order-book-2",
    );
    add(&["FROM=../billing", "PORT=x"], "PORT=x is not a port");
    add(
        &["FROM=../billing", "PORT=65500"],
        "Port 65600, of instance 2 of billing, is beyond 65535",
    );
    add(
        &["FROM=../billing", "CALLS=inventory front"],
        "billing can't be told of front by --client-ip",
    );
    add(
        &["FROM=../billing", "CALLS=inventory:stock"],
        "billing has no flag --stock-ip, so it can't be told where inventory is",
    );

    let missing = &["add", "FROM=../billing", "IMAGE=lost:1"];
    let output =
        crate::support::command::output(stage.command("make").args(missing).env("MISSING", "lost"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("There is no image lost:1"), "{stderr}");
    assert_eq!(git(&stage.system, &["status", "--porcelain"]), "");
}

/// Written whole or not at all: here the last step fails.
#[test]
fn what_cargo_does_not_take_is_not_half_added() {
    let stage = Stage::of_three();
    let billing = stage.service("billing", "42305");
    fs::write(billing.join("api/Cargo.toml"), "[package]\n").unwrap();
    stage.refuses(
        &["add", "FROM=../billing", "IMAGE=billing:1"],
        "cargo can't take in services/billing/api",
    );
}

#[test]
fn a_circle_of_calls_is_refused() {
    let stage = Stage::of_three();
    let file = stage.system.join("services/inventory/service.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("calls = []", "calls = [\"front:client\"]"),
    )
    .unwrap();
    let output = stage.make(&["up"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.starts_with("These services call each other in a circle"),
        "{stderr}"
    );
    assert!(
        stderr.contains("inventory") && stderr.contains("front"),
        "{stderr}"
    );
}

#[test]
fn nothing_that_looks_like_a_credential_goes_in() {
    let stage = Stage::of_three();
    let env = stage.system.join("services/front/secrets.env");
    fs::write(env, "FRONT_TOKEN=abcdefgh12345678\n").unwrap();
    assert!(
        stage.command("ci/secrets").status().unwrap().success(),
        "git ignores it"
    );
    fs::write(
        stage.system.join("notes.txt"),
        "password: correct-horse-battery\n",
    )
    .unwrap();
    let output = stage.command("ci/secrets").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && stderr.contains("notes.txt"),
        "{stderr}"
    );
}
