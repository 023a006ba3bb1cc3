//! What others can learn of the service: its health, and its contract.

use tonic::{Code, Request, codegen::tokio_stream, server::NamedService};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::{v1, v1alpha};

use crate::support::{Child, channel, proto::GrpcServer};

const NAME: &str = <GrpcServer<()> as NamedService>::NAME;

#[tokio::test]
async fn check_answers_for_the_server_and_for_each_service() {
    let service = Child::running(&[]);
    let mut health = HealthClient::new(channel(&service.address()).await);
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
    let child = Child::running(&["--drain-delay", "100ms"]);
    let mut health = HealthClient::new(channel(&child.address()).await);
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

/// The services that reflection lists, in the version of the protocol that `$version` names.
macro_rules! reflected {
    ($version:ident, $address:expr) => {
        async {
            use $version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest,
                server_reflection_response::MessageResponse,
            };
            let mut client = ServerReflectionClient::new(channel($address).await);
            let requests = [
                MessageRequest::ListServices(String::new()),
                MessageRequest::FileContainingSymbol(NAME.into()),
            ]
            .map(|request| ServerReflectionRequest {
                host: String::new(),
                message_request: Some(request),
            });
            let requests = Request::new(tokio_stream::iter(requests));
            let response = client.server_reflection_info(requests).await.unwrap();
            let mut answers = response.into_inner();
            let list = answers.message().await.unwrap().unwrap();
            let Some(MessageResponse::ListServicesResponse(list)) = list.message_response else {
                panic!("{list:?}");
            };
            let file = answers.message().await.unwrap().unwrap();
            let Some(MessageResponse::FileDescriptorResponse(file)) = file.message_response else {
                panic!("{file:?}");
            };
            assert_ne!(file.file_descriptor_proto.len(), 0);
            list.service
                .into_iter()
                .map(|service| service.name)
                .collect::<Vec<_>>()
        }
    };
}

#[tokio::test]
async fn reflection_shows_the_contract_in_both_versions() {
    let service = Child::running(&[]);
    let address = service.address();
    for services in [
        reflected!(v1, &address).await,
        reflected!(v1alpha, &address).await,
    ] {
        for expected in [NAME, "grpc.health.v1.Health"] {
            assert!(services.iter().any(|name| name == expected), "{services:?}");
        }
    }
}
