//! Updates that don't come to their end: everything is as it was.

use super::{fixture::Service, refusals::stand_in};

/// Updates with a stand-in for a program, whose script is to prevent it.
fn leaves_everything_as_it_was(program: &str, script: &str) {
    let service = Service::changed_by(super::changes::adds_a_dependency);
    service.repository.write("not committed", "ours\n");
    stand_in(&service, program, script);
    let before = service.repository.state();
    let outcome = service.try_update(&[]);
    assert!(!outcome.succeeded, "{}", outcome.transcript);
    assert!(
        service.repository.state() == before,
        "{}",
        outcome.transcript
    );
}

/// Ctrl-C reaches all processes of the group.
const CTRL_C: &str = "kill -INT 0; sleep 5";

#[test]
fn interrupted_while_it_generates() {
    let script =
        format!("[ \"$1 $2\" != 'generate --silent' ] || {{ {CTRL_C}; }}; exec $real \"$@\"");
    leaves_everything_as_it_was("cargo", &script);
}

#[test]
fn interrupted_while_it_locks() {
    let script = format!("[ \"$1\" != update ] || {{ {CTRL_C}; }}; exec $real \"$@\"");
    leaves_everything_as_it_was("cargo", &script);
}

#[test]
fn killed_while_it_merges() {
    let script =
        "case \" $* \" in *' merge-tree '*) kill -TERM 0; sleep 5;; esac; exec $real \"$@\"";
    leaves_everything_as_it_was("git", script);
}

#[test]
fn git_fails_half_way() {
    // By then the files are written.
    let script =
        "[ \"$GIT_DIR\" ] || case \" $* \" in *' update-index '*) exit 1;; esac; exec $real \"$@\"";
    leaves_everything_as_it_was("git", script);
}

#[test]
fn a_signal_finds_git_done() {
    let service = Service::new();
    let script = "[ \"$1 $2\" != 'read-tree -m' ] || kill -INT 0; exec $real \"$@\"";
    stand_in(&service, "git", script);
    service.try_update(&[]);
    service
        .repository
        .git(&["commit", "--quiet", "--message", "All of it"]);
    assert_eq!(service.repository.git(&["status", "--porcelain"]), "");
    assert!(service.repository.read(".template.toml").contains("v0.2.0"));
}

#[test]
fn a_template_that_makes_nothing() {
    let service = Service::new();
    let template = &service.template.repository;
    template.write("hooks/derive-names.rhai", "abort(\"Not today.\");\n");
    template.commit("Broken");
    let before = service.repository.state();
    let outcome = service.try_update(&["TEMPLATE_REF=main"]);
    assert!(!outcome.succeeded);
    assert!(
        outcome.stderr.contains("Not today."),
        "{}",
        outcome.transcript
    );
    let sentence = "cargo-generate can't make this service from the template's";
    assert!(outcome.stderr.contains(sentence), "{}", outcome.transcript);
    assert!(service.repository.state() == before);
}

#[test]
fn taken_back_by_hand() {
    let service = Service::changed_by(super::changes::rewrites_the_core);
    let before = service.repository.state();
    let outcome = service.update(&["src/service.rs"]);
    let advice = "git restore --staged --worktree .";
    assert!(
        outcome.transcript.contains(advice),
        "{}",
        outcome.transcript
    );
    service
        .repository
        .git(&advice.split(' ').skip(1).collect::<Vec<_>>());
    assert!(service.repository.state() == before);
}
