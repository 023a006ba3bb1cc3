//! What a person sees who starts it, at a terminal or through a pipe.

use std::{
    fs,
    io::pipe,
    process::{Command, Stdio},
};

use chassis::testing::Child;
use tempfile::TempDir;

use crate::support::{program, request, start, stub};

/// What a dry run shows on a terminal, with these variables in its environment.
#[cfg(target_os = "linux")]
fn on_a_terminal(variables: &[(&str, &str)], flags: &str) -> String {
    let program = program();
    let line = format!(
        "{} --dry-run {flags}",
        program.get_program().to_str().unwrap()
    );
    // That of util-linux, which every distribution has.
    let mut script = Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null());
    script.env("TERM", "xterm").env_remove("NO_COLOR");
    script
        .env_remove("RUST_LOG")
        .envs(variables.iter().copied());
    let output = script.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn levels_are_coloured_on_a_terminal_unless_it_is_told_not_to() {
    let coloured = " \x1b[36mSTATE\x1b[0m Initialized";
    let plain = " STATE Initialized";
    let shown = on_a_terminal(&[], "");
    assert!(shown.contains(coloured), "{shown:?}");
    // Empty, it says nothing.
    assert!(on_a_terminal(&[("NO_COLOR", "")], "").contains(coloured));
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let shown = on_a_terminal(&[variable], "");
        assert!(
            shown.contains(plain) && !shown.contains('\x1b'),
            "{shown:?}"
        );
    }
    let json = on_a_terminal(&[], "--log-format json");
    assert!(
        json.contains("\"state\":\"Initialized\"") && !json.contains('\x1b'),
        "{json:?}"
    );
    let dir = TempDir::new().unwrap();
    on_a_terminal(&[], &format!("--logdir {}", dir.path().display()));
    let log = fs::read_to_string(dir.path().join("scripted.log")).unwrap();
    assert!(log.contains(plain) && !log.contains('\x1b'), "{log:?}");
}

/// Runs the program, whose stdout nobody reads any more.
fn into_a_closed_pipe(flags: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let output = program().args(flags).stdout(writer).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), stderr)
}

#[test]
fn answers_into_a_closed_pipe_end_quietly() {
    for flag in ["--help", "--version"] {
        let ended = into_a_closed_pipe(&[flag]);
        assert_eq!(ended, (Some(0), String::new()), "{flag}");
    }
    let ended = into_a_closed_pipe(&["--dry-run", "--loglevel", "quiet"]);
    assert_eq!(ended, (Some(0), String::new()));
}

#[test]
fn an_answer_that_a_full_disk_does_not_take_is_an_error() {
    for flags in [&["--help"][..], &["--dry-run", "-l", "quiet"]] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = program().args(flags).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{flags:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = "scripted: can't write to stdout: No space left on device";
        assert!(
            said.starts_with(expected) && said.lines().count() == 1,
            "{said}"
        );
    }
}

#[test]
fn complaints_into_a_closed_pipe_change_no_exit_code() {
    for (flags, code) in [
        (&["--port", "x"][..], 2),
        (&["--usetls", "-l", "quiet"], 1),
        (&["--usetls"], 1),
        (&["--healthcheck", "--admin-port", "1"], 1),
    ] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let status = program().args(flags).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code), "{flags:?}");
    }
}

#[test]
fn a_logdir_that_is_a_file_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    for wrong in [file.clone(), file.join("logs")] {
        let (status, log) = start(&["--logdir", wrong.to_str().unwrap()]).wait();
        assert_eq!(status.code(), Some(1));
        let expected = format!("scripted: {} is not a directory", file.display());
        assert_eq!(log, [expected]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_a_stripped_binary_has_a_place_and_no_unknown_frames() {
    let dir = TempDir::new().unwrap();
    let program = program();
    let stripped = dir.path().join("scripted");
    fs::copy(program.get_program(), &stripped).unwrap();
    let status = Command::new("strip").arg(&stripped).status();
    assert!(status.unwrap().success());
    let mut command = Command::new(&stripped);
    command.env_remove("RUST_LOG");
    for (name, value) in program.get_envs() {
        command.envs(value.map(|value| (name, value)));
    }
    let mut service = Child::spawn(&mut command);
    service.wait_for("Running");
    let mut stub = stub(&service.address()).await;
    stub.unary(request("panic")).await.unwrap_err();
    let line = service.wait_for("Panic: ");
    assert!(line.contains("scripted/words.rs:"), "{line}");
    service.signal("INT");
    let (_, log) = service.wait();
    assert!(
        !log.iter().any(|line| line.contains("<unknown>")),
        "{log:#?}"
    );
    assert!(!line.contains("backtrace="), "{line}");
}
