//! gRPC's official interop cases, over all that a client of tonic's can be on. In
//! `program.rs` is the same service as a program, for clients of others.

mod cases;
pub mod contract;
mod service;

use chassis::{
    Channel,
    channel::{self, Tls},
    server::Settings,
    tls,
};

use self::{
    contract::{INTEROP, test_service_client::TestServiceClient},
    service::Interop,
};
use crate::support::{InProcess, certificates::Certificates, connect};

async fn serving(settings: Settings) -> (InProcess, Interop) {
    let service = Interop::default();
    let server = InProcess::serving(settings, "interop", |_| service::rpcs(service.clone()));
    (server.await, service)
}

fn secured(certificates: &Certificates) -> Settings {
    Settings {
        tls: tls::Settings {
            enabled: true,
            certfile: Some(certificates.path("server.pem")),
            privkeyfile: Some(certificates.path("server.key")),
            ..tls::Settings::default()
        },
        ..InProcess::settings(&[])
    }
}

#[tokio::test]
async fn the_interop_cases_over_tonic_alone() {
    let (server, service) = serving(InProcess::settings(&[])).await;
    cases::all(connect(&server.address.to_string()).await, &service).await;
}

#[tokio::test]
async fn the_interop_cases_over_tls() {
    let certificates = Certificates::new();
    let (server, service) = serving(secured(&certificates)).await;
    let address = server.address.to_string();
    let channel = certificates.channel(&address, None).await;
    cases::all(channel.unwrap(), &service).await;
}

#[tokio::test]
async fn the_interop_cases_over_the_chassis_channel() {
    let (server, service) = serving(InProcess::settings(&[])).await;
    let channel = Channel::connect(&server.upstream(), INTEROP).await;
    cases::all(channel.unwrap(), &service).await;
}

#[tokio::test]
async fn the_interop_cases_over_the_chassis_channel_with_tls() {
    let certificates = Certificates::new();
    let (server, service) = serving(secured(&certificates)).await;
    let settings = channel::Settings {
        host: "localhost".into(),
        tls: Some(Tls {
            cafile: certificates.path("ca.pem"),
            identity: None,
        }),
        ..server.upstream()
    };
    let channel = Channel::connect(&settings, INTEROP).await;
    cases::all(channel.unwrap(), &service).await;
}

/// The case "channel soak": a new channel for each call.
#[tokio::test]
async fn a_new_channel_for_each_call() {
    let (server, _service) = serving(InProcess::settings(&[])).await;
    for _ in 0..50 {
        let channel = connect(&server.address.to_string()).await;
        cases::large_unary(TestServiceClient::new(channel)).await;
    }
}
