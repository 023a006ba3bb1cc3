//! The way to an upstream: attempts, TLS, and what is wrong with it.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
};

use crate::support::{certificates::Certificates, echo, in_front_of, running, start};

#[test]
fn an_upstream_that_can_not_be_reached_ends_the_start_after_the_attempts() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port().to_string();
    drop(gone);
    let flags = ["--client-ip", "127.0.0.1", "--client-port", &port];
    let flags = [&flags[..], &["--client-attempts", "3"]].concat();
    let (exit, log) = start(&flags).wait();
    assert_eq!(exit.code(), Some(1));
    let log = log.join("\n");
    for attempt in ["WARN  Attempt 1 failed", "WARN  Attempt 2 failed"] {
        assert!(log.contains(attempt), "{log}");
    }
    let error = format!(
        "ERROR upstream: can't connect to 127.0.0.1:{port} (3 attempts): Connection refused"
    );
    assert!(log.contains(&error), "{log}");
    assert!(!log.contains("STATE Running"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_can_demand_a_certificate() {
    let certificates = Certificates::new();
    let [ca, server, server_key, client, client_key] = [
        "ca.pem",
        "server.pem",
        "server.key",
        "client.pem",
        "client.key",
    ]
    .map(|file| certificates.arg(file));
    let upstream = running(&["-t", "-c", &server, "-k", &server_key, "-a", &ca]);
    let tls = ["--client-usetls", "--client-cafile", &ca];
    let identity = [
        "--client-certfile",
        &client,
        "--client-privkeyfile",
        &client_key,
    ];
    let service = in_front_of(upstream.port(), &[&tls[..], &identity].concat());
    assert_eq!(echo(&service.address(), "secret").await.unwrap(), "secret");

    let port = upstream.port().to_string();
    let anonymous = ["--client-port", &port, "--client-attempts", "1"];
    let (exit, log) = start(&[&anonymous[..], &tls].concat()).wait();
    assert_eq!(exit.code(), Some(1));
    let log = log.join("\n");
    assert!(
        log.contains("(does it demand a client certificate?)"),
        "{log}"
    );
}

#[test]
fn a_key_for_the_upstream_that_is_open_to_everybody_is_warned_about() {
    let certificates = Certificates::new();
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|file| certificates.arg(file));
    let warning = format!("WARN  {key} is open to every user");
    for (mode, warnings) in [(0o600, 0), (0o644, 1)] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let files = [
            &["--client-usetls", "--client-cafile", &ca][..],
            &["--client-certfile", &cert, "--client-privkeyfile", &key],
        ];
        let flags = [&["--dry-run", "--client-port=1"], &files.concat()[..]].concat();
        let (exit, log) = start(&flags).wait();
        assert_eq!(exit.code(), Some(0), "{log:#?}");
        let warned = log.iter().filter(|line| line.contains(&warning));
        assert_eq!(warned.count(), warnings, "{mode:o}: {log:#?}");
    }
}

#[test]
fn files_that_can_not_be_used_are_named() {
    let certificates = Certificates::new();
    certificates.issue("other");
    let [ca, client, client_key, other_key, missing] = [
        "ca.pem",
        "client.pem",
        "client.key",
        "other.key",
        "missing.pem",
    ]
    .map(|file| certificates.arg(file));
    let cases = [
        (
            [&missing, &client, &client_key],
            format!("{missing}: No such file"),
        ),
        (
            [&client_key, &client, &client_key],
            format!("{client_key} line 1: PRIVATE KEY, where a CERTIFICATE is expected"),
        ),
        ([&ca, &client, &missing], format!("{missing}: No such file")),
        (
            [&ca, &client, &other_key],
            format!("{other_key} is not the key of {client}"),
        ),
    ];
    for ([ca, cert, key], reason) in cases {
        let (exit, log) = start(&[
            "--dry-run",
            "--client-port=1",
            "--client-usetls",
            &format!("--client-cafile={ca}"),
            &format!("--client-certfile={cert}"),
            &format!("--client-privkeyfile={key}"),
        ])
        .wait();
        assert_eq!(exit.code(), Some(1));
        let last = log.last().unwrap();
        assert!(
            log.iter()
                .any(|line| line.contains(&format!("upstream: {reason}"))),
            "{last}"
        );
    }
}
