//! `make doctor` tells what is here, and what to do about what is not.

use super::fixture::Service;

#[test]
fn what_is_missing_is_named_with_its_targets_and_what_installs_it() {
    let service = Service::new();
    // What the system has doesn't matter to those that come first in PATH.
    service.stand_in("buf", "echo 1.2.3");
    service.stand_in("cargo-cyclonedx", "echo cargo-cyclonedx-cyclonedx 0.5.9");
    let said = service.make(&["doctor"]);
    let line = |tool: &str| {
        let mut lines = said.lines();
        let found = lines.find(|line| line.split_whitespace().nth(1) == Some(tool));
        found.unwrap_or_else(|| panic!("no {tool} in:\n{said}"))
    };
    assert!(line("cargo").starts_with("ok "));
    let buf = line("buf").split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        buf,
        "ok buf 1.2.3 (prepare installs 1.75.0) proto docs release"
    );
    assert!(!line("cargo-cyclonedx").contains("prepare"));
    // Nobody has a reason to install it anywhere else.
    let sabledocs = line("sabledocs");
    assert!(sabledocs.starts_with("missing "), "{sabledocs}");
    assert!(
        sabledocs.ends_with("docs: make prepare ONLY=sabledocs"),
        "{sabledocs}"
    );
}

#[test]
fn every_target_that_it_names_exists() {
    let service = Service::new();
    let makefile = service.repository.read("Makefile");
    let targets = super::workflows::targets(&makefile);
    let list = service.repository.read("ci/tools");
    let list = list.split("END").nth(1).unwrap();
    for line in list.lines().skip(1).filter(|line| !line.is_empty()) {
        for word in line.split_whitespace().skip(3) {
            let word = word.trim_end_matches(',');
            let other = [
                "all",
                "that",
                "builds",
                "for",
                "with",
                "partly",
                "and",
                "buf",
                "sabledocs",
                "KUBE_CONTEXT",
            ];
            assert!(
                other.contains(&word) || targets.contains(word),
                "ci/tools names {word}, which is no target: {line}"
            );
        }
    }
}

#[test]
fn what_cannot_be_installed_is_refused_by_name() {
    let service = Service::new();
    let outcome = service
        .command(&["prepare", "ONLY=bufff"])
        .output()
        .unwrap();
    let said = String::from_utf8(outcome.stderr).unwrap();
    assert!(!outcome.status.success());
    assert!(said.starts_with("ONLY=bufff is none of these: "), "{said}");
}
