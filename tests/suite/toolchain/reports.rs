//! What `make coverage` and `make audit` make of what their tools say, with stand-ins for these.

use std::fs;

use super::fixture::Service;
use crate::support::generator::Outcome;

/// Counts as tarpaulin reports them: `run` of 200 lines in two files.
fn measured(service: &Service, run: u32) {
    let report = service.beside("lcov.info");
    let counts = format!(
        "SF:a\nLF:100\nLH:100\nend_of_record\nSF:b\nLF:100\nLH:{}\n",
        run - 100
    );
    fs::write(&report, counts).unwrap();
    // It is told the directory last.
    let script = format!("for it; do :; done\ncp '{}' \"$it\"", report.display());
    service.stand_in("cargo-tarpaulin", &script);
}

#[test]
fn coverage_is_one_line_and_fails_below_the_minimum() {
    let service = Service::new();
    measured(&service, 181);
    let said = service.make(&["coverage"]);
    let line = said.lines().last().unwrap();
    let total = "Coverage: 90.5 % of 200 lines, of which 90 % are due: ";
    assert!(line.starts_with(total), "{said}");
    assert!(line.ends_with("/coverage/tarpaulin-report.html"), "{said}");

    measured(&service, 179);
    let outcome = Outcome::of(service.command(&["coverage"]));
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    assert!(
        outcome.transcript.contains("Coverage: 89.5 %"),
        "{}",
        outcome.transcript
    );
    service.make(&["coverage", "COVERAGE=89.5"]);
}

/// A cargo-deny that has no net, and otherwise finds what `finds` says.
fn deny(service: &Service, finds: &str) {
    let script =
        format!("case \" $* \" in\n*' fetch '*) echo no net >&2; exit 1 ;;\nesac\n{finds}");
    service.stand_in("cargo-deny", &script);
}

#[test]
fn an_audit_without_the_net_says_what_it_could_not_check() {
    let service = Service::new();
    let sentence = "NOT CHECKED: known vulnerabilities, since there is no database of them.";
    deny(&service, "exit 0");
    let mut audit = service.command(&["audit"]);
    audit.env_remove("CI");
    let outcome = Outcome::of(audit);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    assert_eq!(outcome.stderr, format!("no net\n{sentence}\n"));

    let mut audit = service.command(&["audit"]);
    audit.env("CI", "true");
    let outcome = Outcome::of(audit);
    assert!(!outcome.succeeded, "{}", outcome.transcript);

    deny(&service, "exit 1");
    let outcome = Outcome::of(service.command(&["audit"]));
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    assert!(!outcome.stderr.contains(sentence), "{}", outcome.transcript);
}
