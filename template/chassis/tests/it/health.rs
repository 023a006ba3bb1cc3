//! What others can learn of the service: its health, and its contract.

use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{SERVICE as NAME, connect, reflection::listed, running};

#[tokio::test]
async fn check_answers_for_the_server_and_for_each_service() {
    let service = running(&[]);
    let mut health = HealthClient::new(connect(&service.address()).await);
    for name in ["", NAME] {
        let service = name.into();
        let response = health.check(HealthCheckRequest { service }).await.unwrap();
        assert_eq!(
            response.into_inner().status(),
            ServingStatus::Serving,
            "{name:?}"
        );
    }
    let service = "unknown.Service".into();
    let status = health
        .check(HealthCheckRequest { service })
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_tells_when_a_service_stops() {
    let child = running(&["--drain-delay", "100ms"]);
    let mut health = HealthClient::new(connect(&child.address()).await);
    let service = NAME.into();
    let response = health.watch(HealthCheckRequest { service }).await.unwrap();
    let mut watch = response.into_inner();
    let mut seen = Vec::new();
    while let Some(response) = watch.message().await.unwrap() {
        if seen.is_empty() {
            child.signal("TERM");
        }
        seen.push(response.status());
    }
    assert_eq!(seen, [ServingStatus::Serving, ServingStatus::NotServing]);
}

#[tokio::test]
async fn reflection_shows_the_contract_in_both_versions() {
    let service = running(&[]);
    let channel = connect(&service.address()).await;
    for services in listed(channel, NAME).await {
        for expected in [NAME, "grpc.health.v1.Health"] {
            assert!(services.iter().any(|name| name == expected), "{services:?}");
        }
    }
}
