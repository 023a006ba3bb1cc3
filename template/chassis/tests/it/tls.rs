//! TLS and mutual TLS.

use std::{fs, os::unix::fs::PermissionsExt};

use chassis::testing::http2::Raw;
use tokio::io::AsyncReadExt;

use crate::support::{certificates::Certificates, start};

#[tokio::test]
async fn a_client_that_trusts_the_ca_is_served() {
    let certificates = Certificates::new();
    let service = certificates.service(&[]);
    let answer = certificates.echo(&service.address(), None).await;
    assert_eq!(answer.unwrap(), "over TLS");
}

#[tokio::test]
async fn a_client_that_trusts_another_ca_does_not_connect() {
    let certificates = Certificates::new();
    let service = certificates.service(&[]);
    let others = Certificates::new();
    let error = others.echo(&service.address(), None).await.unwrap_err();
    assert!(error.message().contains("InvalidCertificate"), "{error}");
}

#[tokio::test]
async fn a_client_without_tls_is_refused_and_logged() {
    let mut service = Certificates::new().service(&[]);
    let mut plain = Raw::greet(&service.address()).await;
    let peer = plain.0.local_addr().unwrap().to_string();
    plain.rest().await;
    let line = service.wait_for("TLS handshake failed");
    assert!(line.contains(&peer), "{line}");
}

#[tokio::test]
async fn mutual_tls_wants_a_certificate_from_the_ca() {
    let certificates = Certificates::new();
    let ca = certificates.arg("ca.pem");
    let mut service = certificates.service(&["--cafile", &ca]);
    let address = service.address();
    let answer = certificates.echo(&address, Some("client")).await;
    assert_eq!(answer.unwrap(), "over TLS");

    certificates.echo(&address, None).await.unwrap_err();
    service.wait_for("TLS handshake failed: peer sent no certificates");

    // It trusts the server, but its own certificate comes from elsewhere.
    let stranger = Certificates::new();
    for file in ["client.pem", "client.key"] {
        fs::copy(stranger.path(file), certificates.path(file)).unwrap();
    }
    certificates
        .echo(&address, Some("client"))
        .await
        .unwrap_err();
    service.wait_for("TLS handshake failed: invalid peer certificate");
}

#[tokio::test]
async fn a_silent_socket_is_closed_under_tls_too() {
    let mut service = Certificates::new().service(&["--handshake-timeout", "100ms"]);
    let mut silent = Raw::silent(&service.address()).await;
    let mut received = Vec::new();
    silent.0.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    service.wait_for("no greeting within 100ms");
}

#[test]
fn what_tls_lacks_is_one_clear_line_and_exit_code_1() {
    let certificates = Certificates::new();
    let [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(|file| certificates.arg(file));
    let [missing, directory, nonsense] =
        ["missing", ".", "nonsense"].map(|file| certificates.arg(file));
    fs::write(&nonsense, "nothing of the kind\n").unwrap();
    let torn = certificates.arg("torn");
    fs::write(
        &torn,
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let alien = certificates.arg("client.key");

    let tls = "--usetls";
    let cases: &[(&[&str], &str)] = &[
        (&[tls], "--usetls needs --certfile"),
        (&[tls, "-k", &key], "--usetls needs --certfile"),
        (&[tls, "-c", &cert], "--usetls needs --privkeyfile"),
        (
            &["-c", &cert, "-k", &key],
            "--certfile, --privkeyfile and --cafile need --usetls",
        ),
        (
            &["-a", &ca],
            "--certfile, --privkeyfile and --cafile need --usetls",
        ),
        (
            &[tls, "-c", &missing, "-k", &key],
            &format!("{missing}: No such file"),
        ),
        (
            &[tls, "-c", &cert, "-k", &missing],
            &format!("{missing}: No such file"),
        ),
        (
            &[tls, "-c", &cert, "-k", &key, "-a", &missing],
            &format!("{missing}: No such file"),
        ),
        (
            &[tls, "-c", &directory, "-k", &key],
            &format!("{directory}: Is a directory"),
        ),
        (
            &[tls, "-c", &nonsense, "-k", &key],
            &format!("{nonsense} holds no certificate"),
        ),
        (
            &[tls, "-c", &torn, "-k", &key],
            &format!("{torn} line 2: is not base64"),
        ),
        (
            &[tls, "-c", &cert, "-k", &cert],
            &format!("{cert} line 1: CERTIFICATE, where a PRIVATE KEY is expected"),
        ),
        (
            &[tls, "-c", &cert, "-k", &alien],
            &format!("{alien} is not the key of {cert}"),
        ),
        (
            &[tls, "-c", &cert, "-k", &key, "-a", &key],
            &format!("{key} line 1: PRIVATE KEY, where a CERTIFICATE is expected"),
        ),
    ];
    for (flags, problem) in cases {
        for dry_run in [&[][..], &["--dry-run"]] {
            let flags = [flags, dry_run, &["--loglevel", "4"]].concat();
            let (exit, log) = start(&flags).wait();
            assert_eq!(exit.code(), Some(1), "{flags:?}");
            let [line] = &log[..] else {
                panic!("{flags:?}: {log:#?}")
            };
            assert!(line.contains(problem), "{flags:?}: {line}");
        }
    }
}

#[test]
fn the_log_says_when_the_certificate_expires() {
    let certificates = Certificates::new();
    let mut service = certificates.service(&[]);
    let cert = certificates.arg("server.pem");
    service.wait_for(&format!("INFO  {cert} expires 2999-01-01T00:00:00Z"));
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_warned_about() {
    let certificates = Certificates::new();
    certificates.issue_from("server", 2998);
    let mut service = certificates.service(&[]);
    let cert = certificates.arg("server.pem");
    let warning = format!("WARN  {cert} is not valid before 2998-01-01T00:00:00Z: ");
    service.wait_for(&warning);
}

#[tokio::test]
async fn an_expired_certificate_is_warned_about() {
    let certificates = Certificates::new();
    certificates.issue_until("server", 2001);
    let mut service = certificates.service(&[]);
    let cert = certificates.arg("server.pem");
    service.wait_for(&format!("WARN  {cert} has expired: 2001-01-01T00:00:00Z"));
    certificates
        .echo(&service.address(), None)
        .await
        .unwrap_err();
}

#[test]
fn a_private_key_open_to_everybody_is_warned_about() {
    let certificates = Certificates::new();
    let key = certificates.path("server.key");
    for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true), (0o602, true)] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let service = certificates.service(&[]);
        service.signal("INT");
        let (_, log) = service.wait();
        let warning = format!("WARN  {} is open to every user", key.display());
        let found = log.iter().any(|line| line.contains(&warning));
        assert_eq!(found, warned, "{mode:o}: {log:#?}");
    }
}
