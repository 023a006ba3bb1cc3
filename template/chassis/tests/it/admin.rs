//! The admin port, and who asks it.

use std::process::Output;

use crate::support::{
    certificates::Certificates,
    echo,
    http::{get, request},
    program, running, start,
};

const ADMIN: [&str; 2] = ["--admin-port", "0"];

/// tcpmux: a port on which nobody has listened for decades.
const NOBODY: &str = "1";

#[tokio::test]
async fn it_is_alive_and_ready_when_it_runs() {
    let mut service = running(&ADMIN);
    let admin = service.admin();
    assert_eq!(get(&admin, "/livez").await.status, 200);
    let ready = get(&admin, "/readyz").await;
    assert_eq!((ready.status, &*ready.body), (200, "Running\n"));
    assert_eq!(get(&admin, "/").await.status, 404);
    assert_eq!(request(&admin, "POST", "/readyz", "").await.status, 405);
    let head = request(&admin, "HEAD", "/readyz", "").await;
    assert_eq!((head.status, &*head.body), (200, ""));
}

#[tokio::test]
async fn it_is_alive_but_not_ready_while_it_looks_for_its_upstream() {
    let upstream = ["--client-port", NOBODY, "--client-attempts", "1000"];
    let mut service = start(&[&ADMIN[..], &upstream].concat());
    let admin = service.admin();
    service.wait_for("Attempt 1 failed");
    assert_eq!(get(&admin, "/livez").await.status, 200);
    let ready = get(&admin, "/readyz").await;
    assert_eq!((ready.status, &*ready.body), (503, "Starting\n"));
}

#[tokio::test]
async fn it_is_alive_but_not_ready_during_the_drain() {
    let mut service = running(&[&ADMIN[..], &["--drain-delay", "1h"]].concat());
    let admin = service.admin();
    service.signal("TERM");
    service.wait_for("STATE Stopping");
    assert_eq!(get(&admin, "/livez").await.status, 200);
    let ready = get(&admin, "/readyz").await;
    assert_eq!((ready.status, &*ready.body), (503, "Stopping\n"));
    assert_eq!(get(&admin, "/metrics").await.status, 200);
}

#[test]
fn an_admin_port_in_use_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let service = start(&["--admin-port", &address.port().to_string()]);
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(1));
    let expected = format!("can't listen on {address}: Address already in use");
    assert!(log.iter().any(|line| line.contains(&expected)), "{log:?}");
}

#[test]
fn an_admin_port_that_is_that_of_grpc_is_refused_in_a_dry_run_too() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    drop(listener);
    for dry_run in [&[][..], &["--dry-run"]] {
        let mut command = program();
        let flags = ["--port", &port, "--admin-port", &port];
        let output = command.args(flags).args(dry_run).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = format!("--admin-port has to be another than --port: both are {port}");
        assert!(said.contains(&expected), "{said}");
    }
}

#[tokio::test]
async fn there_is_no_admin_port_unless_asked_for() {
    let service = running(&["--drain-delay", "0s"]);
    service.signal("TERM");
    let (_, log) = service.wait();
    assert!(!log.iter().any(|line| line.contains("Admin")), "{log:?}");
}

#[tokio::test]
async fn the_log_level_can_be_read_and_changed() {
    let mut service = running(&ADMIN);
    let admin = service.admin();
    assert_eq!(get(&admin, "/loglevel").await.body, "1\n");
    for nonsense in ["6", "-1", "loud", ""] {
        let answer = request(&admin, "PUT", "/loglevel", nonsense).await;
        assert_eq!(answer.status, 400, "{nonsense:?}");
    }
    for (level, number) in [
        ("quiet", 5),
        ("ERROR", 4),
        ("state\n", 3),
        ("warning", 2),
        ("warn", 2),
        ("info", 1),
    ] {
        let answer = request(&admin, "PUT", "/loglevel", level).await;
        assert_eq!(
            (answer.status, answer.body),
            (200, format!("{number}\n")),
            "{level}"
        );
    }
    let answer = request(&admin, "PUT", "/loglevel", "0\n").await;
    assert_eq!((answer.status, &*answer.body), (200, "0\n"));
    assert_eq!(get(&admin, "/loglevel").await.body, "0\n");
    echo(&service.address(), "").await.unwrap();
    service.wait_for("DEBUG RPC");
}

/// Runs `--healthcheck` with `flags`.
fn healthcheck(flags: &[&str]) -> Output {
    let mut command = program();
    command.arg("--healthcheck").args(flags).output().unwrap()
}

/// What it said on stderr, in one line.
#[track_caller]
fn complaint(output: Output) -> String {
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_healthcheck_of_a_running_service_succeeds_silently() {
    let files = Certificates::new();
    let tls = [
        "--usetls",
        "--certfile",
        &files.arg("server.pem"),
        "--privkeyfile",
        &files.arg("server.key"),
    ];
    for flags in [&[][..], &tls] {
        let mut service = running(&[&ADMIN[..], flags].concat());
        let admin = service.admin();
        let (_, port) = admin.rsplit_once(':').unwrap();
        let output = healthcheck(&[&["--admin-port", port], flags].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!([output.stdout, output.stderr].concat(), b"");
    }
}

#[test]
fn a_healthcheck_of_a_service_that_stops_fails_and_says_so() {
    let mut service = running(&[&ADMIN[..], &["--drain-delay", "1h"]].concat());
    let admin = service.admin();
    let (_, port) = admin.rsplit_once(':').unwrap();
    service.signal("TERM");
    service.wait_for("STATE Stopping");
    let output = healthcheck(&["--admin-port", port]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("not ready: the admin port {admin} says \"Stopping\"\n");
    assert!(complaint(output).ends_with(&expected));
}

#[test]
fn a_healthcheck_of_nobody_fails_and_says_so() {
    let output = healthcheck(&["--admin-port", NOBODY]);
    assert_eq!(output.status.code(), Some(1));
    let expected = "no answer from the admin port 127.0.0.1:1: ";
    assert!(complaint(output).contains(expected));
}

#[test]
fn a_healthcheck_without_an_admin_port_is_bad_usage() {
    let output = healthcheck(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(output).contains("--admin-port"));
}
