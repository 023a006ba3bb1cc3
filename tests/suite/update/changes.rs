//! What people change in a service, and what becomes of it in an update.

use std::{fs, process::Command};

use tempfile::TempDir;

use super::fixture::{LEARNED, Repository, Service};
use crate::support::command::{output, run};

const PROTO: &str = "api/proto/order_book/v1/order_book.proto";

pub fn adds_an_rpc(service: &Repository) {
    service.edit(
        PROTO,
        "  }\n}\n",
        "  }\n\n  // Ours.\n  rpc Bye(ByeRequest) returns (ByeResponse);\n}\n\n\
         message ByeRequest {}\n\nmessage ByeResponse {}\n",
    );
    service.edit(
        "src/service.rs",
        "impl Service {\n",
        "impl Service {\n    /// Ours.\n    pub fn bye(&self) {}\n\n",
    );
    service.edit(
        "src/rpc.rs",
        "impl GrpcService for Rpc {\n",
        "impl GrpcService for Rpc {
    async fn bye(
        &self,
        _: Request<order_book_api::proto::ByeRequest>,
    ) -> Result<Response<order_book_api::proto::ByeResponse>, Status> {
        self.service.bye();
        Ok(Response::new(order_book_api::proto::ByeResponse {}))
    }

",
    );
}

pub fn rewrites_the_core(service: &Repository) {
    let core = service
        .read("src/service.rs")
        .replace("Ok(message)", "Ok(message.trim().into())");
    let core = core.replacen("//! The core: ", "//! Our core, rewritten: ", 1);
    service.write("src/service.rs", &core);
}

pub fn deletes_a_file(service: &Repository) {
    service.git(&["rm", "--quiet", "CHANGELOG.md"]);
}

pub fn adds_files(service: &Repository) {
    service.write("chassis/src/server/notes.md", "ours\n");
    service.write_script("ci/ours", "#!/bin/sh\n");
}

pub fn adds_a_flag(service: &Repository) {
    let todo = "    // TODO: add the flags that your service needs.\n";
    let ours = "    /// Ours\n    #[arg(long)]\n    pub ours: Option<String>,\n";
    service.edit("src/cli.rs", todo, ours);
}

pub fn renames_a_flag(service: &Repository) {
    let tests = ["tests/it/logging.rs", "tests/it/settings.rs"];
    for file in ["src/cli/flags.rs"].into_iter().chain(tests) {
        let file = format!("chassis/{file}");
        let text = service.read(&file).replace("--logdir", "--log-directory");
        service.write(&file, &text.replace("logdir", "log_directory"));
    }
}

pub fn adds_a_make_target(service: &Repository) {
    service.edit(
        "Makefile",
        "bench: all ##",
        "ours: ## Do what we do\n\t@echo Ours\n\nbench: all ##",
    );
}

pub fn rewrites_the_readme(service: &Repository) {
    service.write("README.md", "# Ours\n\nAll new.\n");
}

pub fn adds_a_dependency(service: &Repository) {
    service.edit(
        "Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\nbytes = \"1\"\n",
    );
    lock(service);
}

pub fn changes_a_whole_module(service: &Repository) {
    let code = service.read("chassis/src/signals.rs");
    let code = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let code = code.collect::<Vec<_>>().join("\n");
    service.write(
        "chassis/src/signals.rs",
        &format!("#![allow(missing_docs)]\n{code}\n"),
    );
}

pub fn raises_the_version_of_the_contract(service: &Repository) {
    service.edit(PROTO, "package order_book.v1;", "package order_book.v2;");
    service.edit("api/src/lib.rs", "order_book::v1", "order_book::v2");
    let moved = PROTO.replace("v1", "v2");
    fs::create_dir(service.0.join("api/proto/order_book/v2")).unwrap();
    service.git(&["mv", PROTO, &moved]);
}

/// Completes Cargo.lock, from what was downloaded if that will do.
pub fn lock(service: &Repository) {
    let update = |net: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(["update", "--quiet", "--workspace"]).args(net);
        cargo.current_dir(&service.0);
        cargo
    };
    if !output(&mut update(&["--offline"])).status.success() {
        run(&mut update(&[]));
    }
}

#[test]
fn an_unchanged_service_becomes_what_the_template_makes_today() {
    let service = Service::new();
    service.update(&[]);
    let repository = &service.repository;
    assert!(repository.read("src/service.rs").starts_with(LEARNED));
    assert!(!repository.exists("chassis/src/io/cork.rs"));
    assert!(repository.exists("chassis/src/io/corked.rs"));
    assert!(!repository.exists("ci/old"));
    assert!(repository.is_executable("ci/new"));
    assert!(repository.is_executable("ci/template-update"));
    // Staged as a whole, for `git commit`.
    assert_eq!(repository.git(&["diff", "--name-only"]), "");
    let staged = repository.git(&["diff", "--staged", "--name-status"]);
    assert!(
        staged.contains("R100\tchassis/src/io/cork.rs")
            || staged.contains("\tchassis/src/io/corked.rs")
    );
}

#[test]
fn an_rpc_of_ones_own_stays() {
    let service = Service::changed_by(adds_an_rpc);
    service.update(&[]);
    let repository = &service.repository;
    assert!(repository.read(PROTO).contains("  // Learned: "));
    assert!(repository.read(PROTO).contains("rpc Bye(ByeRequest)"));
    for file in ["src/service.rs", "src/rpc.rs"] {
        assert!(repository.read(file).starts_with(LEARNED));
        assert!(repository.read(file).contains("fn bye("));
    }
}

#[test]
fn a_rewritten_core_conflicts_where_both_changed_it() {
    let service = Service::changed_by(rewrites_the_core);
    let outcome = service.update(&["src/service.rs"]);
    let core = service.repository.read("src/service.rs");
    let conflict = "<<<<<<< yours\n//! Our core, rewritten: ";
    assert!(core.starts_with(conflict), "{core}");
    assert!(core.contains("\n>>>>>>> template/v0.2.0\n"), "{core}");
    assert!(core.contains("Ok(message.trim().into())"), "{core}");
    let line = "CONFLICT (content): Merge conflict in src/service.rs";
    assert!(outcome.transcript.contains(line), "{}", outcome.transcript);
}

#[test]
fn a_deleted_file_stays_deleted() {
    let service = Service::changed_by(deletes_a_file);
    let outcome = service.update(&[]);
    assert!(!service.repository.exists("CHANGELOG.md"));
    assert!(
        outcome.transcript.contains("Left deleted: CHANGELOG.md"),
        "{}",
        outcome.transcript
    );
}

#[test]
fn a_deleted_file_stays_deleted_when_the_template_renames_it() {
    let service = Service::changed_by(|service| {
        service.git(&["rm", "--quiet", "chassis/src/io/cork.rs"]);
    });
    service.update(&[]);
    assert!(!service.repository.exists("chassis/src/io/cork.rs"));
    assert!(!service.repository.exists("chassis/src/io/corked.rs"));
}

#[test]
fn added_files_are_untouched() {
    let service = Service::changed_by(adds_files);
    service.repository.write("src/not committed.rs", "ours\n");
    service.update(&[]);
    let repository = &service.repository;
    assert_eq!(repository.read("chassis/src/server/notes.md"), "ours\n");
    assert_eq!(repository.read("src/not committed.rs"), "ours\n");
    assert!(repository.is_executable("ci/ours"));
}

#[test]
fn a_renamed_flag_keeps_its_new_name() {
    let service = Service::changed_by(renames_a_flag);
    service.update(&[]);
    let flags = service.repository.read("chassis/src/cli/flags.rs");
    assert!(flags.starts_with(LEARNED));
    assert!(flags.contains("log_directory: Option<PathBuf>"));
}

#[test]
fn a_flag_of_ones_own_stays() {
    let service = Service::changed_by(adds_a_flag);
    service.update(&[]);
    let cli = service.repository.read("src/cli.rs");
    assert!(cli.starts_with(LEARNED));
    assert!(cli.contains("pub ours: Option<String>"));
}

#[test]
fn a_make_target_of_ones_own_stays() {
    let service = Service::changed_by(adds_a_make_target);
    service.update(&[]);
    assert_eq!(said(&service, "ours"), "Ours\n");
    assert_eq!(said(&service, "learned"), "Learned\n");
}

#[test]
fn a_rewritten_readme_conflicts_with_a_new_section() {
    let service = Service::changed_by(rewrites_the_readme);
    service.update(&["README.md"]);
    let readme = service.repository.read("README.md");
    assert!(
        readme.contains("<<<<<<< yours\nAll new.\n=======\n"),
        "{readme}"
    );
}

#[test]
fn a_dependency_of_ones_own_stays_and_is_locked() {
    let service = Service::changed_by(adds_a_dependency);
    service.update(&[]);
    let manifest = service.repository.read("Cargo.toml");
    assert!(manifest.contains("bytes = \"1\"") && manifest.contains("slab = \"0.4\""));
    assert!(is_locked(&service));
}

#[test]
fn cargo_lock_never_conflicts() {
    // Next to what the template adds there, and far from it in Cargo.toml.
    let service = Service::changed_by(|service| {
        service.edit(
            "Cargo.toml",
            "[dependencies]\n",
            "[dependencies]\nshlex = \"2\"\n",
        );
        lock(service);
    });
    service.update(&[]);
    let lock = service.repository.read("Cargo.lock");
    assert!(lock.contains(" \"shlex\",\n \"slab\",\n"), "{lock}");
    assert!(is_locked(&service));
}

#[test]
fn a_conflict_in_the_manifest_leaves_the_lock_file_alone() {
    let service = Service::changed_by(|service| {
        service.edit(
            "Cargo.toml",
            "\nthiserror =",
            "\nshlex = \"2\"\nthiserror =",
        );
        lock(service);
    });
    let before = service.repository.read("Cargo.lock");
    let outcome = service.update(&["Cargo.toml"]);
    assert_eq!(service.repository.read("Cargo.lock"), before);
    let advice = "complete Cargo.lock with: cargo update --workspace";
    assert!(
        outcome.transcript.contains(advice),
        "{}",
        outcome.transcript
    );
}

#[test]
fn a_module_that_both_changed_conflicts() {
    let service = Service::changed_by(changes_a_whole_module);
    service.update(&["chassis/src/signals.rs"]);
}

#[test]
fn a_change_follows_a_renamed_file() {
    let service = Service::changed_by(|service| {
        service.append("chassis/src/io/cork.rs", "\n// Ours.\n");
    });
    service.update(&[]);
    assert!(!service.repository.exists("chassis/src/io/cork.rs"));
    let corked = service.repository.read("chassis/src/io/corked.rs");
    assert!(corked.starts_with(LEARNED) && corked.ends_with("\n// Ours.\n"));
}

#[test]
fn a_moved_contract_takes_what_the_template_learned() {
    let service = Service::changed_by(raises_the_version_of_the_contract);
    service.update(&[]);
    assert!(!service.repository.exists(PROTO));
    let contract = service.repository.read(&PROTO.replace("v1", "v2"));
    assert!(contract.contains("package order_book.v2;"), "{contract}");
    assert!(contract.contains("  // Learned: "), "{contract}");
}

#[test]
fn a_changed_answer_is_changed_in_template_toml_too() {
    let service = Service::changed_by(|service| {
        raises_the_version_of_the_contract(service);
        service.edit(".template.toml", "order_book.v1", "order_book.v2");
    });
    service.update(&[]);
    assert!(!service.repository.exists(PROTO));
    let contract = service.repository.read(&PROTO.replace("v1", "v2"));
    assert!(contract.contains("  // Learned: "), "{contract}");
}

#[test]
fn a_service_in_a_larger_repository_is_updated_where_it_lies() {
    let mut service = Service::new();
    let parent = TempDir::new().unwrap();
    let larger = service.move_into(parent.path(), "of ours");
    larger.write("other", "ours\n");
    larger.commit("Larger");
    larger.write("other", "not committed\n");
    let outcome = service.try_update(&[]);
    assert!(outcome.succeeded, "{}", outcome.transcript);
    assert!(service.repository.exists("chassis/src/io/corked.rs"));
    assert!(is_locked(&service));
    assert_eq!(larger.read("other"), "not committed\n");
    larger.git(&["restore", "--staged", "--worktree", "of ours"]);
    assert_eq!(larger.git(&["status", "--porcelain"]), " M other\n");
}

fn is_locked(service: &Service) -> bool {
    let cargo = ["update", "--workspace", "--locked", "--offline"];
    let mut command = Command::new("cargo");
    command.args(cargo).current_dir(&service.repository.0);
    output(&mut command).status.success()
}

/// What `make target` prints.
fn said(service: &Service, target: &str) -> String {
    run(&mut service.make(&[target]))
}
