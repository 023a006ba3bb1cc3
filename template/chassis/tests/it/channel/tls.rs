//! TLS towards a service, whatever its addresses.

use std::{fs, net::SocketAddr};

use chassis::{
    channel::{Settings, Tls},
    lifecycle::Shutdown,
    server,
    testing::PATIENCE,
    tls,
};
use tokio::time::timeout;

use super::name::{Name, answer, connect_with};
use crate::support::{InProcess, certificates::Certificates};

/// An instance that takes only clients with a certificate of the same CA.
async fn secured(certificates: &Certificates, address: SocketAddr) -> InProcess {
    let settings = server::Settings {
        address: Some(address),
        tls: tls::Settings {
            enabled: true,
            certfile: Some(certificates.path("server.pem")),
            privkeyfile: Some(certificates.path("server.key")),
            cafile: Some(certificates.path("ca.pem")),
            ..tls::Settings::default()
        },
        ..InProcess::settings(&["--drain-timeout", "0s"])
    };
    InProcess::with(settings).await
}

#[tokio::test]
async fn files_that_changed_are_read_again_for_the_next_connection() {
    let [old, new] = [(); 2].map(|()| Certificates::new());
    // An address of its own: nobody takes its port meanwhile.
    let instance = secured(&old, ([127, 0, 0, 3], 0).into()).await;
    let address = instance.address;
    let settings = Settings {
        tls: Some(Tls {
            cafile: old.path("ca.pem"),
            identity: Some((old.path("client.pem"), old.path("client.key"))),
        }),
        ..Settings::new("localhost", address.port())
    };
    let name = Name::default();
    name.stands_for([address]);
    let client = connect_with(&settings, name).await.unwrap();
    assert_eq!(answer(&client).await.unwrap(), "scripted");

    instance.stop(Shutdown::Terminal).await;
    let _renewed = secured(&new, address).await;
    let answers = async |reason| loop {
        let answer = answer(&client).await;
        let answer = answer.unwrap_or_else(|status| status.message().into());
        if answer.contains(reason) {
            break;
        }
    };
    // At first, perhaps, there is nobody.
    let stranger = answers("invalid peer certificate");
    timeout(PATIENCE, stranger).await.unwrap();
    for file in ["ca.pem", "client.pem", "client.key"] {
        fs::copy(new.path(file), old.path(file)).unwrap();
    }
    timeout(PATIENCE, answers("scripted")).await.unwrap();
}

#[tokio::test]
async fn whatever_the_address_the_certificate_must_be_for_the_name() {
    let certificates = Certificates::new();
    let settings = server::Settings {
        // Not in the certificate, which is for localhost.
        address: Some(([127, 0, 0, 2], 0).into()),
        tls: tls::Settings {
            enabled: true,
            certfile: Some(certificates.path("server.pem")),
            privkeyfile: Some(certificates.path("server.key")),
            ..tls::Settings::default()
        },
        ..InProcess::settings(&[])
    };
    let instance = InProcess::with(settings).await;
    let name = Name::default();
    name.stands_for([instance.address]);
    let mut settings = Settings {
        attempts: 1,
        tls: Some(Tls {
            cafile: certificates.path("ca.pem"),
            identity: None,
        }),
        ..Settings::new("localhost", 1)
    };
    let client = connect_with(&settings, name.clone()).await.unwrap();
    assert_eq!(answer(&client).await.unwrap(), "scripted");

    settings.host = "example.org".into();
    let outcome = connect_with(&settings, name).await;
    let reason = outcome.err().unwrap().to_string();
    assert!(
        reason.contains("not valid for name \"example.org\""),
        "{reason}"
    );
}
