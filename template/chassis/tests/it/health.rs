//! What others can learn of the service: its health, and its contract.

use std::{collections::HashMap, future::poll_fn, pin::pin, task::Poll};

use tonic::{Code, Request, client::Grpc};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};
use tonic_prost::ProstCodec;

use crate::support::{SERVICE as NAME, connect, reflection::listed, running};

/// What tonic-health doesn't have: `Health.List`.
#[derive(Clone, PartialEq, prost::Message)]
struct ListRequest {}

#[derive(Clone, PartialEq, prost::Message)]
struct ListResponse {
    #[prost(map = "string, message", tag = "1")]
    statuses: HashMap<String, HealthCheckResponse>,
}

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
async fn who_watches_an_unknown_service_is_told_so_on_a_stream_that_stays_open() {
    let child = running(&[]);
    let mut health = HealthClient::new(connect(&child.address()).await);
    let service = "unknown.Service".into();
    let response = health.watch(HealthCheckRequest { service }).await.unwrap();
    let mut watch = response.into_inner();
    let first = watch.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::ServiceUnknown);
    let mut next = pin!(watch.message());
    let now = poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx)));
    assert!(now.await.is_pending());
    child.signal("INT");
    // The drain ends it, and nothing more comes.
    assert!(next.await.unwrap().is_none());
}

#[tokio::test]
async fn list_has_all_services_and_the_server_itself() {
    let child = running(&[]);
    let mut client = Grpc::new(connect(&child.address()).await);
    client.ready().await.unwrap();
    let codec = ProstCodec::<ListRequest, ListResponse>::default();
    let path = "/grpc.health.v1.Health/List".parse().unwrap();
    let response = client.unary(Request::new(ListRequest {}), path, codec);
    let statuses = response.await.unwrap().into_inner().statuses;
    let mut listed: Vec<_> = statuses
        .iter()
        .map(|(name, status)| (&**name, status.status()))
        .collect();
    listed.sort_unstable_by_key(|(name, _)| *name);
    let serving = ServingStatus::Serving;
    assert_eq!(listed, [("", serving), (NAME, serving)]);
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
