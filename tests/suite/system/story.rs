//! What a system promises, with real processes in real containers.

use super::real::{Real, real};
use crate::{containers::publish::Registry, support::repository::git};

/// How many calls of those that a line of the load's report, or the last one of it, tells of.
pub fn number_before(word: &str, line: &str) -> u64 {
    let words: Vec<_> = line.split_whitespace().collect();
    let at = words.iter().position(|it| *it == word);
    let at = at.unwrap_or_else(|| panic!("no number of {word} in {line:?}"));
    words[at - 1].parse().unwrap()
}

#[track_caller]
pub fn line_of<'a>(state: &str, said: &'a str) -> &'a str {
    let line = said.lines().find(|line| line.starts_with(state));
    line.unwrap_or_else(|| panic!("nothing of {state:?}"))
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn three_services_are_green_from_the_first_minute() {
    let real = real();
    let started = real
        .said
        .lines()
        .filter(|line| line.contains(" is ready: "));
    let started: Vec<_> = started
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        started,
        ["inventory", "orders", "front"],
        "in the order of who calls whom"
    );
    let tested = "Tested together: inventory 0.1.0  orders 0.1.0  front 0.1.0";
    assert!(real.said.contains(tested));
    real.is_as_before();
    let limits = real.ask(&[
        "inspect",
        "--format",
        "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}",
        "sample-shop-front-1",
    ]);
    assert_eq!(limits, "true [ALL]\n");
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn who_does_not_start_is_named() {
    let real = real();
    real.makes(&["down"]);
    let lock = std::fs::read_to_string(real.directory.join("services/orders/compose.yml")).unwrap();
    let lost = lock.replace(
        "ORDERS_INVENTORY_PORT: \"42304\"",
        "ORDERS_INVENTORY_PORT: \"no port\"",
    );
    std::fs::write(real.directory.join("services/orders/compose.yml"), lost).unwrap();
    let said = real.fails(&["up"]);
    assert!(
        said.contains("orders-1 ended with exit code 2 before it was ready"),
        "{said}"
    );
    assert!(said.contains("orders-1 | "), "{said}");
    assert!(!said.contains("front 0.1.0 is ready"), "{said}");
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn an_upgrade_loses_no_call_on_the_way_there_and_back() {
    let real = real();
    let to = format!("TO={}", Real::release("inventory", "v0.2.0"));
    let said = real.makes(&["upgrade", "NAME=inventory", &to, "LOAD=10000"]);
    for state in [
        "old ",
        "one new, one old ",
        "new ",
        "back: one old, one new ",
        "back: old ",
    ] {
        assert!(
            number_before("calls", line_of(state, &said)) > 100,
            "{said}"
        );
    }
    let all = line_of("in all ", &said);
    assert!(number_before("calls", all) >= 10_000, "{all}");
    assert_eq!(
        (number_before("lost", all), number_before("wrong", all)),
        (0, 0),
        "{said}"
    );
    let changed = git(&real.directory, &["status", "--porcelain"]);
    let files: Vec<_> = changed.lines().map(|line| &line[3..]).collect();
    assert_eq!(
        files,
        [
            "services/inventory/compose.yml",
            "services/inventory/service.toml",
            "versions.lock"
        ]
    );
    let status = real.makes(&["status"]);
    assert!(
        status.contains("inventory-2              0.2.0 "),
        "{status}"
    );

    // And back, as it says.
    assert!(said.contains("The way back is: git checkout versions.lock services, make up."));
    git(
        &real.directory,
        &["checkout", "--quiet", "versions.lock", "services"],
    );
    real.makes(&["up", "test"]);
    real.is_as_before();
}

/// It is refused with these words, and all is as it was.
#[track_caller]
fn is_refused(tag: &str, words: &[&str]) {
    let real = real();
    let to = format!("TO={}", Real::release("inventory", tag));
    let said = real.fails(&["upgrade", "NAME=inventory", &to]);
    let version = tag.trim_start_matches('v');
    let refused = format!("inventory {version} is refused, in the state \"one new, one old\": ");
    let as_before = "inventory 0.1.0 runs and is locked, as before.";
    for words in [&refused, as_before]
        .iter()
        .copied()
        .chain(words.iter().copied())
    {
        assert!(said.contains(words), "no {words:?} in:\n{said}");
    }
    real.is_as_before();
    real.makes(&["test"]);
    real.is_as_before();
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn a_version_that_does_not_start_is_refused() {
    let log = "inventory-1 | the ledger of the inventory is locked";
    let ended = "inventory-1 ended with exit code 1 before it was ready";
    is_refused("v0.2.1-does-not-start", &[log, ended]);
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn a_version_that_is_never_ready_is_refused() {
    let late = "inventory-1 was not ready within 30 s";
    is_refused("v0.2.2-is-never-ready", &[late]);
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn a_version_that_answers_wrongly_is_refused() {
    let wrong = "front.StockBadge: wrong answer: Some(\"sold out\")";
    is_refused("v0.2.3-answers-wrongly", &[wrong]);
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn a_version_that_breaks_its_callers_is_refused() {
    let changed = "inventory 0.1.0 to 0.3.0-breaks-its-contract: the contract has changed";
    let call = "orders.PlaceOrder: UNIMPLEMENTED: inventory: unknown method \"Reserve\"";
    is_refused("v0.3.0-breaks-its-contract", &[changed, call]);
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn a_wrong_order_of_two_upgrades_is_found() {
    let real = real();
    let upgrades = format!(
        "UPGRADES=orders={} inventory={}",
        Real::release("orders", "v0.2.0"),
        Real::release("inventory", "v0.4.0"),
    );
    let said = real.makes(&["matrix", &upgrades]);
    let wrong = line_of("orders 0.2.0, inventory 0.1.0: ", &said);
    assert!(
        wrong.contains("inventory: unknown method \"Take\""),
        "{said}"
    );
    assert!(
        said.contains("orders 0.1.0, inventory 0.4.0: works\n"),
        "{said}"
    );
    let orders: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("In this order "))
        .collect();
    assert_eq!(
        orders,
        ["In this order they can be rolled out: inventory, orders"]
    );
    real.is_as_before();
}

/// Tested, published, gone from this machine, and back from the registry as it was.
#[test]
#[ignore = "takes minutes: make test-system"]
fn what_was_tested_is_published_and_can_be_had_again() {
    let real = real();
    let registry = Registry::start();
    let publish = ["publish", &format!("REGISTRY={}", registry.address)];
    real.makes(&["test"]);
    let said = real.makes(&publish);
    let published: Vec<_> = said.lines().collect();
    assert_eq!(published.len(), 3, "{said}");
    let lock = std::fs::read_to_string(real.directory.join("versions.lock")).unwrap();
    for image in &published {
        assert!(
            image.starts_with(&format!("{}/", registry.address)),
            "{image}"
        );
        assert!(
            image.contains("@sha256:") && lock.contains(&format!(" {image}\n")),
            "{lock}"
        );
    }

    real.makes(&["down"]);
    let all = real.ask(&[
        "images",
        "--no-trunc",
        "--quiet",
        "--filter",
        "label=org.opencontainers.image.title=inventory",
    ]);
    let image = &*real.image("inventory");
    assert!(all.contains(image), "{all}");
    real.ask(&["rmi", "--force", image]);
    let said = real.makes(&["up", "test"]);
    assert!(!said.contains("Building"), "{said}");
    assert!(
        real.ask(&[
            "inspect",
            "--format",
            "{{.Image}}",
            "sample-shop-inventory-1"
        ])
        .contains(image)
    );

    let text = std::fs::read_to_string(real.directory.join("tests/src/calls.rs")).unwrap();
    std::fs::write(
        real.directory.join("tests/src/calls.rs"),
        text + "\n// Changed.\n",
    )
    .unwrap();
    let said = real.fails(&publish);
    assert!(
        said.contains("have changed since they were tested together: make up test."),
        "{said}"
    );
}

#[test]
#[ignore = "takes minutes: make test-system"]
fn the_cost_of_each_hop_is_told() {
    let real = real();
    let said = real.makes(&["bench"]);
    let ratio = |call: &str| -> f64 {
        let line = line_of(call, &said);
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    assert!((ratio("inventory.Reserve ") - 1.0).abs() < 0.01, "{said}");
    assert!(
        ratio("orders.PlaceOrder ") < ratio("front.Checkout "),
        "{said}"
    );
}
