//! What a service remembers, where updates go, and what they show.

use std::{fs, path::Path, process::Command};

use rexpect::session::spawn_command;
use tempfile::TempDir;

use super::fixture::{Service, Template};
use crate::support::{
    answers::{Answers, examples},
    command::run,
    generator::{Generator, Outcome},
    repository::{oldest, questions, read},
};

/// The version of this template.
pub fn version() -> String {
    let origin = read("hooks/origin.rhai");
    let (_, rest) = origin.split_once("fn version() { \"").unwrap();
    rest.split('"').next().unwrap().into()
}

fn remembered(service: &Path) -> toml::Table {
    let file = service.join(".template.toml");
    fs::read_to_string(file).unwrap().parse().unwrap()
}

#[test]
fn the_changelog_begins_with_the_version() {
    let changelog = read("CHANGELOG.md");
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## "));
    assert_eq!(newest, Some(&*version()));
}

#[test]
fn every_answer_is_remembered_and_gives_the_same_service_again() {
    let odd = Answers::new("greeter").with("author", r#"O"ne \ <{{port}}> 'x' {% if %}"#);
    // Two that share a chassis, with a neighbour and with everybody.
    let shared = ["../chassis", "https://example.org/chassis#v1.2.3"]
        .map(|place| Answers::new("greeter").with("chassis", place));
    for answers in examples().into_iter().chain([odd]).chain(shared) {
        let directory = TempDir::new().unwrap();
        let generator = Generator::oldest();
        let service = generator.generate(directory.path(), &answers);
        let file = remembered(&service);
        assert_eq!(file["template"]["version"].as_str(), Some(&*version()));
        assert_eq!(file["template"]["name"].as_str(), Some(&*answers.name));
        let mut taken = questions();
        taken.retain(|question| question != "workspace");
        assert_eq!(file["values"].as_table().unwrap().len(), taken.len());
        for question in taken {
            assert_eq!(
                file["values"][&question].as_str(),
                Some(&*answers.get(&question))
            );
        }

        let again = TempDir::new().unwrap();
        let mut command = generator.command(again.path());
        command
            .args([
                "--silent",
                "--vcs",
                "none",
                "--name",
                &answers.name,
                "--values-file",
            ])
            .arg(service.join(".template.toml"));
        let outcome = Outcome::of(command);
        assert!(outcome.succeeded, "{}", outcome.transcript);
        run(Command::new("diff")
            .arg("--recursive")
            .arg(service)
            .arg(again.path().join(&answers.name)));
    }
}

#[test]
fn a_source_that_was_said_once_is_remembered() {
    let service = Service::new();
    service.update(&[]);
    let file = remembered(&service.repository.0);
    assert_eq!(
        file["template"]["source"].as_str(),
        Some(service.template.path())
    );
    let head = service.template.repository.git(&["rev-parse", "v0.2.0"]);
    assert_eq!(file["template"]["commit"].as_str(), Some(head.trim()));
    assert_eq!(file["values"]["team"].as_str(), Some("nobody"));
    service.repository.commit("Updated");

    // Not a release until it has a tag; then the next update finds it by itself.
    let template = &service.template.repository;
    template.edit("hooks/origin.rhai", "v0.2.0", "v0.10.0");
    template.commit("The third");
    let said = run(&mut service.make(&["template-update"]));
    assert_eq!(
        said,
        "Up to date: v0.2.0 is the template's newest release.\n"
    );
    template.git(&["tag", "v0.11.0-rc.1"]);
    template.git(&["tag", "v0.10.0"]);
    run(&mut service.make(&["template-update"]));
    let file = remembered(&service.repository.0);
    assert_eq!(file["template"]["version"].as_str(), Some("v0.10.0"));
    let changed = service.repository.git(&["diff", "--staged", "--name-only"]);
    assert_eq!(changed, ".template.toml\n");
}

#[test]
fn a_branch_or_a_commit_will_do_and_an_older_release_too() {
    let service = Service::new();
    let template = &service.template.repository;
    template.git(&["checkout", "--quiet", "-b", "a/branch"]);
    template.append("template/LICENSE.md", "\nBranched.\n");
    template.commit("Branched");
    let commit = template.git(&["rev-parse", "HEAD"]);
    template.git(&["checkout", "--quiet", "main"]);
    for reference in ["a/branch", "a/branch~0", &commit[..12]] {
        let outcome = service.try_update(&[&format!("TEMPLATE_REF={reference}")]);
        assert!(outcome.succeeded, "{}", outcome.transcript);
        assert!(
            service
                .repository
                .read("LICENSE.md")
                .ends_with("\nBranched.\n")
        );
        let file = remembered(&service.repository.0);
        assert_eq!(file["template"]["commit"].as_str(), Some(commit.trim()));
        service.repository.commit("Ahead");
        // No way back without being asked for it.
        let outcome = service.try_update(&[]);
        let sentence = "Up to date: v0.2.0 is the template's newest release.";
        assert!(
            outcome.transcript.contains(sentence),
            "{}",
            outcome.transcript
        );
        assert_eq!(service.repository.git(&["status", "--porcelain"]), "");
        service
            .repository
            .git(&["reset", "--quiet", "--hard", "HEAD~"]);
    }

    service.update(&[]);
    service.repository.commit("Updated");
    let outcome = service.try_update(&["TEMPLATE_REF=v0.1.0"]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    assert!(service.repository.exists("ci/old") && !service.repository.exists("ci/new"));
}

#[test]
fn a_password_in_the_source_is_not_remembered() {
    let service = Service::new();
    // A URL that git fetches from elsewhere, as a proxy's user would have it.
    let rule = format!("url.{}.insteadOf", service.template.path());
    service.repository.git(&[
        "config",
        "--local",
        &rule,
        "https://ada:secret@example.org/template",
    ]);
    let configuration = service.repository.0.join(".git/config");
    let mut command = service.make(&[
        "template-update",
        "SILENT=1",
        "TEMPLATE_SOURCE=https://ada:secret@example.org/template",
    ]);
    let outcome = Outcome::of({
        command.env("GIT_CONFIG_GLOBAL", configuration);
        command
    });
    assert!(outcome.succeeded, "{}", outcome.transcript);
    let file = remembered(&service.repository.0);
    assert_eq!(
        file["template"]["source"].as_str(),
        Some("https://example.org/template")
    );
}

#[test]
fn new_questions_are_asked_in_a_terminal() {
    let service = Service::new();
    let source = format!("TEMPLATE_SOURCE={}", service.template.path());
    let mut command = service.make(&["template-update", &source]);
    command.env("TERM", "dumb").env("NO_COLOR", "1");
    let mut screen = spawn_command(command, Some(20_000)).unwrap();
    screen.exp_string("Team [nobody]").unwrap();
    screen.send_line(" ").unwrap();
    screen.exp_string("Give a team.").unwrap();
    screen.exp_string("Team [nobody]").unwrap();
    screen.send_line("Ledger").unwrap();
    screen.exp_string("Merged the template's v0.2.0.").unwrap();
    screen.exp_eof().unwrap();
    let file = remembered(&service.repository.0);
    assert_eq!(file["values"]["team"].as_str(), Some("Ledger"));
}

#[test]
fn template_diff_shows_what_would_change_and_what_differs() {
    let service = Service::changed_by(|service| {
        super::changes::deletes_a_file(service);
        service.append("src/rpc.rs", "// Ours.\n");
    });
    service.repository.write("new.rs", "not committed\n");
    let before = service.repository.state();
    let source = format!("TEMPLATE_SOURCE={}", service.template.path());
    let shown = run(&mut service.make(&["template-diff", &source]));
    assert!(service.repository.state() == before);
    let (update, differs) = shown.split_once("## What differs here").unwrap();
    assert!(update.starts_with("## What an update to the template's v0.2.0 would change"));
    assert!(update.contains("+//! Learned: ") && update.contains("+++ updated/ci/new"));
    assert!(!update.contains("CHANGELOG.md") && !update.contains("Ours."));
    assert!(differs.contains("--- template/CHANGELOG.md") && differs.contains("+// Ours."));
    assert!(differs.contains("+not committed") && !differs.contains("Learned"));
}

#[test]
fn make_diff_shows_what_a_change_does_to_the_samples() {
    let template = Template::new();
    let template = &template.repository;
    let diff = |base| {
        let mut command = Command::new(".ci/diff");
        command.arg(oldest()).arg(base).current_dir(&template.0);
        Outcome::of(command)
    };
    template.append("template/LICENSE.md", "\nNot committed.\n");
    for (base, learned) in [("v0.1.0", true), ("HEAD", false)] {
        let outcome = diff(base);
        assert!(outcome.succeeded, "{}", outcome.transcript);
        let shown = outcome.transcript;
        for name in examples().into_iter().map(|answers| answers.name) {
            let file = format!("{name}/LICENSE.md");
            assert!(
                shown.contains(&format!("--- base/{file}\n+++ here/{file}\n")),
                "{shown}"
            );
            let renamed = format!("rename to here/{name}/chassis/src/io/corked.rs\n");
            assert_eq!(shown.contains(&renamed), learned, "{shown}");
        }
        assert!(shown.contains("\n+Not committed.\n"), "{shown}");
        assert_eq!(shown.contains("\n+//! Learned: "), learned, "{shown}");
    }
    let outcome = diff("nowhere");
    assert!(!outcome.succeeded);
    assert_eq!(
        outcome.stderr,
        "There is no commit nowhere: choose another BASE.\n"
    );
}
