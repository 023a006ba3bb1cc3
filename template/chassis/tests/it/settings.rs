//! Flags, environment, and what is wrong with them.

use std::fs;

use chassis::testing::Child;
use tempfile::TempDir;

use crate::{
    scripted::ABOUT,
    support::{program, running},
};

/// Runs the service to its end; returns its exit code and what it wrote to stderr.
fn run(args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
    let variables = environment
        .iter()
        .map(|(flag, value)| (ABOUT.variable(flag), value));
    let mut command = program();
    command.envs(variables).args(args);
    let (exit, log) = Child::spawn(&mut command).wait();
    (exit.code(), log)
}

/// The same, which is to be one line.
#[track_caller]
fn one_line(args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let (code, mut log) = run(args, environment);
    assert_eq!(log.len(), 1, "{args:?}: {log:#?}");
    (code, log.remove(0))
}

#[test]
fn a_bad_value_is_one_clear_line_and_exit_code_2() {
    let cases: &[(&[&str], &str)] = &[
        (&["--port", "x"], "'x' for '--port <PORT>'"),
        (&["--port", "65536"], "'65536' for '--port <PORT>'"),
        (&["--loglevel", "6"], "'6' for '--loglevel <LEVEL>'"),
        (&["--ip", "localhost"], "'localhost' for '--ip <IP>'"),
        (&["--client-port", "0"], "'0' for '--client-port <PORT>'"),
        (
            &["--echo-service-timeout", "soon"],
            "'soon' for '--echo-service-timeout <TIME>'",
        ),
        (
            &["--request-timeout", "soon"],
            "'soon' for '--request-timeout <TIME>'",
        ),
        (
            &["--max-connections", "0"],
            "'0' for '--max-connections <N>'",
        ),
        (&["--certfile"], "'--certfile <FILE>'"),
        (&["--prot", "1"], "'--prot'"),
        (&["surplus"], "'surplus'"),
        (
            &["--client-usetls", "--client-port", "1"],
            "--client-cafile",
        ),
    ];
    for (flags, problem) in cases {
        let (code, line) = one_line(flags, &[]);
        assert_eq!(code, Some(2), "{flags:?}");
        assert!(line.contains(problem), "{flags:?}: {line}");
    }
}

#[test]
fn a_bad_value_in_the_environment_names_its_variable() {
    for flag in [
        "port",
        "loglevel",
        "request_timeout",
        "usetls",
        "client_port",
        "echo_service_timeout",
    ] {
        let (code, line) = one_line(&[], &[(flag, "x")]);
        assert_eq!(code, Some(2), "{flag}");
        assert!(line.contains(&ABOUT.variable(flag)), "{flag}: {line}");
    }
}

#[test]
fn a_flag_beats_the_environment_and_that_the_default() {
    let is_silent = |args: &[&str], environment: &[(&str, &str)]| {
        let (code, log) = run(&[&["--dry-run"], args].concat(), environment);
        assert_eq!(code, Some(0));
        log.is_empty()
    };
    assert!(!is_silent(&[], &[]));
    assert!(is_silent(&[], &[("loglevel", "5")]));
    assert!(!is_silent(&["--loglevel", "1"], &[("loglevel", "5")]));
}

#[test]
fn a_switch_can_be_set_in_the_environment() {
    for (value, dry) in [("true", true), ("false", false)] {
        let environment = [("dry_run", value), ("usetls", "true")];
        let (code, log) = run(&[], &environment);
        assert_eq!(code, Some(1), "{value}");
        let started = log.iter().any(|line| line.contains("STATE Starting"));
        assert_eq!(started, !dry, "{value}");
    }
}

fn printed(flag: &str) -> String {
    let output = program().arg(flag).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{flag}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_and_version_say_who_what_and_when() {
    let name = ABOUT.name;
    let version = env!("CARGO_PKG_VERSION");
    for flag in ["-v", "-V", "--version"] {
        assert_eq!(printed(flag), format!("{name} {version}\n"));
    }
    for flag in ["-h", "--help"] {
        let help = printed(flag);
        assert!(help.starts_with(&format!("{name} {version}\n")), "{help}");
        for expected in [
            ABOUT.description,
            ABOUT.authors,
            "AUTHOR:",
            "USAGE:",
            "\n© 20",
            "-p, --port <PORT>",
            "-t, --usetls",
            "-c, --certfile <FILE>",
            "-k, --privkeyfile <FILE>",
            "-a, --cafile <FILE>",
            "-d, --logdir <DIR>",
            "-l, --loglevel <LEVEL>",
            "-n, --dry-run",
            "--client-ip <HOST>",
            "--client-port <PORT>",
            "--client-usetls",
            "--client-certfile <FILE>",
            "-h, --help",
            "-v, --version",
        ] {
            assert!(
                help.contains(expected),
                "{expected:?} is missing in\n{help}"
            );
        }
    }
}

#[test]
fn a_dry_run_says_that_all_is_well_and_does_not_listen() {
    for level in ["0", "1", "5"] {
        let mut command = program();
        let output = command.args(["--dry-run", "--loglevel", level]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(0));
        let answer = String::from_utf8(output.stdout).unwrap();
        assert_eq!(answer, "Dry run: everything is in order\n");
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(!log.contains("Listening"), "{log}");
        assert_eq!(log.is_empty(), level == "5", "{log}");
    }
}

#[test]
fn a_dry_run_says_what_is_wrong() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "nothing of the kind").unwrap();
    let file = file.to_str().unwrap();
    let missing = dir.path().join("missing");
    let missing = missing.to_str().unwrap();
    let upstream = ["--client-port", "1", "--client-usetls", "--client-cafile"];
    let cases: &[(&[&str], &str)] = &[
        (&["--logdir", file], file),
        (
            &["--usetls", "--certfile", missing, "--privkeyfile", missing],
            missing,
        ),
        (&[&upstream[..], &[missing]].concat(), missing),
    ];
    for (flags, problem) in cases {
        let flags = [&["--dry-run", "--loglevel", "5"], *flags].concat();
        let (code, line) = one_line(&flags, &[]);
        assert_eq!(code, Some(1), "{flags:?}");
        assert!(line.contains(problem), "{flags:?}: {line}");
    }
}

#[test]
fn the_log_goes_to_the_terminal_and_to_a_file_in_logdir() {
    let dir = TempDir::new().unwrap();
    // It makes the directory, and goes on where an earlier log ended.
    let logs = dir.path().join("new");
    let mut expected = Vec::new();
    for _ in 0..2 {
        let service = running(&["--logdir", logs.to_str().unwrap()]);
        service.signal("INT");
        let (_, terminal) = service.wait();
        expected.extend(terminal);
    }
    let file = logs.join("scripted.log");
    let written = fs::read_to_string(file).unwrap();
    assert!(written.contains("STATE Stopped"), "{written}");
    let without_time = |line: &str| line.split_once(' ').unwrap().1.to_owned();
    let written: Vec<_> = written.lines().map(without_time).collect();
    let expected: Vec<_> = expected.iter().map(|line| without_time(line)).collect();
    assert_eq!(written, expected);
}

#[test]
fn level_3_logs_states_and_errors_only_and_level_5_nothing() {
    let levels: [(&str, &[&str]); 3] = [
        ("3", &["STATE", "STATE", "ERROR", "STATE"]),
        ("4", &["ERROR"]),
        ("5", &[]),
    ];
    for (level, expected) in levels {
        let dir = TempDir::new().unwrap();
        let logdir = dir.path().to_str().unwrap();
        // It fails, for want of a certificate.
        run(&["--logdir", logdir, "--loglevel", level, "--usetls"], &[]);
        let file = dir.path().join("scripted.log");
        let log = fs::read_to_string(file).unwrap();
        let labels: Vec<_> = log
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .collect();
        assert_eq!(labels, expected, "level {level}: {log}");
    }
}
