//! Services from the time when a service was one package, updated to three: what was in `src/` is in
//! `api/` and `chassis/` today, and in `src/` is what their teams wrote.

mod farewell;

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use tempfile::TempDir;

use self::farewell::{CONFLICTS, resolves_by_the_changelog, says_farewell};
use super::{
    changes,
    fixture::{Repository, Service, Template},
};
use crate::{
    sources::contents,
    support::{
        answers::{Answers, examples},
        command::run,
        generator::Generator,
        sample::Turn,
    },
};

/// The last commit of this repository whose template made one package.
const LAST: &str = "3e21095e220f0c81930fe8ca72ddd930ab7ac2bc";

/// A service made there, which today's template is to be merged into.
fn service(answers: &Answers) -> Service {
    Service::made_from(Template::since(LAST), answers)
}

/// A service with this change, updated, with these conflicts and no others.
fn updated(change: impl FnOnce(&Repository), conflicts: &[&str]) -> Service {
    let service = service(&Answers::new("order-book"));
    change(&service.repository);
    service.repository.commit("Ours");
    service.update(conflicts);
    service
}

/// What it is then, the samples show: their tests build, lint and test the same bytes.
#[test]
fn an_untouched_service_becomes_a_new_one_without_a_question_or_a_conflict() {
    for answers in examples() {
        let service = service(&answers);
        let source = service.template.path();
        // Not SILENT: who is not at a terminal can't be asked.
        run(&mut service.make(&["template-update", &format!("TEMPLATE_SOURCE={source}")]));
        let directory = TempDir::new().unwrap();
        let new = Generator::oldest()
            .from(["--git", source, "--tag", "v0.2.0", "template"])
            .generate(directory.path(), &answers);

        let [updated, new] = [&service.repository.0, &new].map(|service| {
            let mut files: BTreeMap<_, _> = contents(service)
                .into_iter()
                .map(|(file, executable, bytes)| (file, (executable, bytes)))
                .collect();
            // cargo has sorted the one by the service's name.
            let (_, lock) = files.get_mut(&PathBuf::from("Cargo.lock")).unwrap();
            *lock = sorted_lines(lock);
            let (_, remembered) = files.remove(&PathBuf::from(".template.toml")).unwrap();
            let remembered: toml::Table = str::from_utf8(&remembered).unwrap().parse().unwrap();
            (files, remembered)
        });
        assert_eq!(updated.1["values"], new.1["values"]);
        assert_eq!(updated.1["values"]["chassis"].as_str(), Some("own"));
        let [updated, new] = [updated.0, new.0];
        assert!(updated.keys().eq(new.keys()), "{:#?}", updated.keys());
        for (file, content) in &new {
            assert!(updated[file] == *content, "{} differs", file.display());
        }
        assert_eq!(service.repository.git(&["diff", "--name-only"]), "");
    }
}

fn sorted_lines(text: &[u8]) -> Vec<u8> {
    let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines.concat()
}

#[test]
fn a_changed_core_needs_nobody() {
    let service = updated(changes::rewrites_the_core, &[]);
    let core = service.repository.read("src/service.rs");
    assert!(core.starts_with("//! Our core, rewritten: "));
    assert!(core.contains("Ok(message.trim().into())"));
    assert!(core.contains("use order_book_api::"));
}

#[test]
fn what_was_changed_of_the_chassis_goes_along() {
    let (size, ours) = ("WRITE_THROUGH: usize = 64", "WRITE_THROUGH: usize = 128");
    let change = |service: &Repository| service.edit("src/server/cork.rs", size, ours);
    let service = updated(change, &[]);
    assert!(!service.repository.exists("src/server"));
    let cork = service.repository.read("chassis/src/io/cork.rs");
    assert!(cork.contains(ours), "{cork}");
}

/// Too little of that file is left for git to know it again.
#[test]
fn a_changed_limit_is_left_for_its_team_to_change_again() {
    let (limit, ours) = ("MAX_STREAMS: u32 = 100;", "MAX_STREAMS: u32 = 50;");
    let change = |service: &Repository| service.edit("src/server/limits.rs", limit, ours);
    let service = updated(change, &["src/server/limits.rs"]);
    let limits = service.repository.read("src/server/limits.rs");
    assert!(limits.contains(ours), "{limits}");
}

#[test]
fn a_member_of_a_workspace_stays_one() {
    let mut service = service(&Answers::new("order-book"));
    let parent = TempDir::new().unwrap();
    let larger = service.move_into(parent.path(), "order-book");
    larger.write("Cargo.toml", "[workspace]\nmembers = [\"order-book\"]\n");
    larger.commit("Larger");
    let outcome = service.try_update(&["CARGO_GENERATE_VALUE_WORKSPACE=parent"]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    let manifest: toml::Table = service.repository.read("Cargo.toml").parse().unwrap();
    assert!(!manifest.contains_key("workspace") && !manifest.contains_key("profile"));
    let mut metadata = Command::new("cargo");
    metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
    let said = run(metadata.current_dir(&service.repository.0));
    let root = format!("\"workspace_root\":{:?}", larger.0.canonicalize().unwrap());
    assert!(said.contains(&root), "{said}");
    for package in ["order-book", "order-book-api", "chassis"] {
        let package = format!("\"name\":\"{package}\",\"version\"");
        assert!(said.contains(&package), "{said}");
    }
}

#[test]
fn a_make_target_of_ones_own_stays() {
    let service = updated(changes::adds_a_make_target, &[]);
    assert_eq!(run(&mut service.make(&["ours"])), "Ours\n");
}

#[test]
fn a_service_with_an_rpc_a_flag_and_a_dependency_conflicts_there_and_is_soon_resolved() {
    let service = updated(says_farewell, CONFLICTS);
    let repository = &service.repository;
    // The contract went along, with what is ours in it.
    assert!(!repository.exists("proto"));
    let contract = repository.read("api/proto/order_book/v1/order_book.proto");
    assert!(contract.contains("rpc Bye(ByeRequest)"), "{contract}");
    resolves_by_the_changelog(repository);
    changes::lock(repository);
    repository.commit("Updated");

    let turn = Turn::take(&repository.0, "order-book");
    turn.run(&repository.0, "make", &["lint", "utest"]);
    let tests = ["test", "--locked", "--test", "it"];
    let said = turn.run(&repository.0, "cargo", &tests);
    for line in [
        "test bye::they_are_told_what_the_flag_says ... ok",
        "test contract::hello_answers_with_the_message_it_was_sent ... ok",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
}
