//! TLS files that change while the service runs.

use std::{fs, os::unix::fs::symlink};

use tonic::transport::Channel;

use crate::support::{Stub, certificates::Certificates, request};

const OFTEN: [&str; 2] = ["--tls-reload-interval", "10ms"];
const RELOADED: &str = "Reloaded the TLS files";

async fn call(channel: &Channel) {
    let mut stub = Stub::new(channel.clone());
    stub.unary(request("reply")).await.unwrap();
}

#[tokio::test]
async fn a_new_certificate_is_served_and_old_connections_live_on() {
    let certificates = Certificates::new();
    let mut service = certificates.service(&OFTEN);
    let address = service.address();
    let old = certificates.channel(&address, None).await.unwrap();
    call(&old).await;
    let before = certificates.der("server.pem");
    assert_eq!(certificates.served(&address).await, before);

    certificates.issue("server");
    service.wait_for(RELOADED);
    let after = certificates.der("server.pem");
    assert_ne!(after, before);
    assert_eq!(certificates.served(&address).await, after);
    call(&old).await;
}

#[tokio::test]
async fn a_hangup_reloads_at_once() {
    let certificates = Certificates::new();
    let mut service = certificates.service(&["--tls-reload-interval", "0s"]);
    certificates.issue("server");
    service.signal("HUP");
    service.wait_for(RELOADED);
    let served = certificates.served(&service.address()).await;
    assert_eq!(served, certificates.der("server.pem"));
}

#[tokio::test]
async fn files_behind_a_symbolic_link_are_swapped_as_kubernetes_does() {
    let certificates = Certificates::new();
    let publish = |version: &str| {
        certificates.issue("new");
        fs::create_dir(certificates.path(version)).unwrap();
        for kind in ["pem", "key"] {
            let target = certificates.path(version).join(format!("server.{kind}"));
            fs::rename(certificates.path(&format!("new.{kind}")), target).unwrap();
        }
        symlink(version, certificates.path("..data_tmp")).unwrap();
        fs::rename(certificates.path("..data_tmp"), certificates.path("..data")).unwrap();
    };
    publish("..2026_01");
    for file in ["server.pem", "server.key"] {
        fs::remove_file(certificates.path(file)).unwrap();
        symlink(format!("..data/{file}"), certificates.path(file)).unwrap();
    }
    let mut service = certificates.service(&OFTEN);
    let before = certificates.served(&service.address()).await;

    publish("..2026_02");
    service.wait_for(RELOADED);
    let after = certificates.served(&service.address()).await;
    assert_eq!(after, certificates.der("..2026_02/server.pem"));
    assert_ne!(after, before);
}

#[tokio::test]
async fn a_broken_file_is_logged_and_the_old_ones_stay_in_use() {
    let certificates = Certificates::new();
    let mut service = certificates.service(&OFTEN);
    let before = certificates.der("server.pem");
    let cert = certificates.path("server.pem");
    let name = cert.display();
    let trouble = [
        ("can't read", format!("{name}: No such file")),
        ("", format!("{name} is empty")),
        ("mismatch", format!("is not the key of {name}")),
    ];
    for (what, problem) in trouble {
        match what {
            "can't read" => fs::remove_file(&cert).unwrap(),
            "mismatch" => drop(fs::copy(certificates.path("client.pem"), &cert).unwrap()),
            text => fs::write(&cert, text).unwrap(),
        }
        let line = service.wait_for(&problem);
        assert!(line.contains("ERROR Can't reload the TLS files"), "{line}");
        assert_eq!(certificates.served(&service.address()).await, before);
    }

    certificates.issue("server");
    service.wait_for(RELOADED);
    let served = certificates.served(&service.address()).await;
    assert_eq!(served, certificates.der("server.pem"));
    service.signal("INT");
    let (_, log) = service.wait();
    let errors = log.iter().filter(|line| line.contains(" ERROR "));
    // Each once, however often it looks; and one more where it looked between certificate and key.
    assert!((3..=4).contains(&errors.count()), "{log:#?}");
}

#[tokio::test]
async fn a_new_ca_decides_who_is_let_in() {
    let certificates = Certificates::new();
    let ca = certificates.arg("clients.pem");
    fs::copy(certificates.path("ca.pem"), &ca).unwrap();
    let mut service = certificates.service(&[&OFTEN[..], &["--cafile", &ca]].concat());
    let address = service.address();
    certificates.echo(&address, Some("client")).await.unwrap();

    let others = Certificates::new();
    fs::copy(others.path("ca.pem"), &ca).unwrap();
    service.wait_for(RELOADED);
    certificates
        .echo(&address, Some("client"))
        .await
        .unwrap_err();
    for (from, to) in [("client.pem", "other.pem"), ("client.key", "other.key")] {
        fs::copy(others.path(from), certificates.path(to)).unwrap();
    }
    certificates.echo(&address, Some("other")).await.unwrap();
}

#[test]
fn files_that_stay_the_same_are_left_alone() {
    let certificates = Certificates::new();
    let mut service = certificates.service(&OFTEN);
    // The same again, by another name: what they hold counts.
    let (cert, copy) = (certificates.path("server.pem"), certificates.path("copy"));
    fs::copy(&cert, &copy).unwrap();
    fs::rename(&copy, &cert).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    service.signal("HUP");
    service.wait_for(RELOADED);
    service.signal("INT");
    let (_, log) = service.wait();
    let loaded = log.iter().filter(|line| line.contains("expires"));
    assert_eq!(
        loaded.count(),
        2,
        "at the start and at the hangup: {log:#?}"
    );
}
