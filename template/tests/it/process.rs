//! The service as a process: how it is started, asked about itself, and stopped.

use std::{
    io::pipe,
    process::{Command, Stdio},
};

use chassis::testing::Child;

use {{crate_name}}::cli::{ABOUT, DEMO};

use crate::support::{channel, command, running};

/// What `command` prints, in order.
fn printed(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_and_version_say_who_it_is() {
    let name_and_version = format!("{} {}\n", ABOUT.name, ABOUT.version);
    assert_eq!(printed(command().arg("--version")), name_and_version);
    let help = printed(command().arg("--help"));
    assert!(help.starts_with(&name_and_version), "{help}");
    for expected in [
        ABOUT.description,
        ABOUT.authors,
        "-p, --port <PORT>",
        "--client-port <PORT>",
        "--max-requests <N>",
    ] {
        assert!(help.contains(expected), "{expected:?} is not in:\n{help}");
    }
    assert!(help.contains(&format!("[default: {}]", ABOUT.port)));
}

#[test]
fn a_bad_value_is_one_clear_line_and_exit_code_2() {
    let (status, log) = Child::spawn(command().args(["--client-port", "0"])).wait();
    assert_eq!(status.code(), Some(2));
    let [line] = &log[..] else { panic!("{log:#?}") };
    let expected = format!(
        "{}: invalid value '0' for '--client-port <PORT>'",
        ABOUT.name
    );
    assert!(line.starts_with(&expected), "{line}");
}

#[test]
fn a_dry_run_says_that_all_is_well_and_does_not_listen() {
    let answer = printed(command().args(["--dry-run", "--client-port", "1"]));
    assert_eq!(answer, "Dry run: everything is in order\n");
}

#[test]
fn a_dry_run_says_what_is_wrong() {
    let tls = ["--client-usetls", "--client-cafile", "missing.pem"];
    let dry_run = ["--dry-run", "--client-port", "1"];
    let (status, log) = Child::spawn(command().args(dry_run).args(tls)).wait();
    assert_eq!(status.code(), Some(1));
    let expected = "ERROR upstream: missing.pem: No such file";
    assert!(log.iter().any(|line| line.contains(expected)), "{log:#?}");
}

/// How `command` ends where nobody reads what it prints, and what it says to stderr.
fn into_a_closed_pipe(command: &mut Command) -> (Option<i32>, String) {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn answers_that_nobody_reads_end_quietly() {
    for flags in [
        &["--help"][..],
        &["--version"],
        &["--dry-run", "-l", "quiet"],
    ] {
        let ended = into_a_closed_pipe(command().args(flags));
        assert_eq!(ended, (Some(0), String::new()), "{flags:?}");
    }
    let service = running(&[]);
    let built = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME"), "-demo"));
    let mut demo = Command::new(built);
    demo.env(DEMO.variable("ip"), "127.0.0.1");
    demo.env(DEMO.variable("port"), service.port().to_string());
    let (code, said) = into_a_closed_pipe(&mut demo);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_it_is_asked_to() {
    for signal in ["TERM", "INT"] {
        let service = running(&["--drain-delay", "0s"]);
        channel(&service.address()).await;
        service.signal(signal);
        let (status, log) = service.wait();
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(log.last().unwrap().ends_with("STATE Stopped"), "{log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_demo_client_talks_to_it() {
    let service = running(&[]);
    let demo = env!(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME"), "-demo"));
    let port = service.port().to_string();
    let said = printed(Command::new(demo).args(["--ip=127.0.0.1", "--port", &port]));
    assert!(said.ends_with("\nClosed connection.\n"), "{said}");

    let mut to_nobody = Command::new(demo);
    let nobody = to_nobody.args(["--ip=127.0.0.1", "--port=1"]).output();
    let nobody = nobody.unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    let said = String::from_utf8(nobody.stderr).unwrap();
    let expected = "can't connect to 127.0.0.1:1 (4 attempts): ";
    assert!(said.contains(expected), "{said}");
}
