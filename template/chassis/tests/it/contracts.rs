//! What others can learn of a process that serves two contracts, or one of two that
//! it has the description of.

use chassis::server::Rpcs;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    contract::{
        COMMON, SCRIPTED,
        common::v1::{echo_client::EchoClient, echo_server::EchoServer},
        test::v1::scripted_server::ScriptedServer,
    },
    scripted::Scripted,
    support::{InProcess, SERVICE, connect, echo, echoing, http::get, reflection::listed},
};

/// That of the contract which the other one imports.
const ECHO: &str = "common.v1.Echo";

const STANDARD: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

async fn serving(rpcs: impl FnOnce(Scripted) -> Rpcs) -> InProcess {
    InProcess::serving(InProcess::settings(&[]), "both", rpcs).await
}

/// How it is with the health of the service of this name.
async fn health(address: &str, service: &str) -> Result<ServingStatus, Code> {
    let mut health = HealthClient::new(connect(address).await);
    let service = service.into();
    let response = health.check(HealthCheckRequest { service }).await;
    let response = response.map_err(|status| status.code())?;
    Ok(response.into_inner().status())
}

/// Fails where the server lists other services than these, and the standard ones.
async fn assert_lists(address: &str, services: &[&str]) {
    let mut expected = [&STANDARD[..], services].concat();
    expected.sort_unstable();
    for mut names in listed(connect(address).await, services[0]).await {
        names.sort_unstable();
        assert_eq!(names, expected);
    }
}

#[tokio::test]
async fn two_contracts_are_served_by_one_process() {
    let server = serving(|scripted| {
        Rpcs::new()
            .with(SCRIPTED, ScriptedServer::new(scripted.clone()))
            .with(COMMON, EchoServer::new(scripted))
    })
    .await;
    let address = server.address.to_string();
    assert_eq!(echo(&address, "one").await.unwrap(), "one");
    let mut other = EchoClient::new(connect(&address).await);
    let reply = other.say(echoing("two")).await.unwrap().into_inner();
    assert_eq!(reply.payload, "two");
    let serving = Ok(ServingStatus::Serving);
    for service in [SERVICE, ECHO] {
        assert_eq!(health(&address, service).await, serving, "{service}");
    }
    assert_lists(&address, &[SERVICE, ECHO]).await;
    let metrics = get(&server.admin, "/metrics").await.body;
    for (service, method) in [(SERVICE, "Unary"), (ECHO, "Say")] {
        let name = format!(r#"grpc_service="{service}",grpc_method="{method}","#);
        let lines = metrics.lines().filter(|line| line.contains(&name));
        let handled = lines.filter(|line| line.ends_with(r#"grpc_code="OK"} 1"#));
        assert_eq!(handled.count(), 1, "{service}: {metrics}");
    }
}

#[tokio::test]
async fn a_contract_that_is_only_imported_is_listed_nowhere() {
    let server =
        serving(|scripted| Rpcs::new().with(SCRIPTED, ScriptedServer::new(scripted))).await;
    let address = server.address.to_string();
    assert_lists(&address, &[SERVICE]).await;
    assert_eq!(health(&address, ECHO).await, Err(Code::NotFound));
    let metrics = get(&server.admin, "/metrics").await.body;
    assert!(!metrics.contains(ECHO), "{metrics}");
    let mut other = EchoClient::new(connect(&address).await);
    let status = other.say(echoing("two")).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let metrics = get(&server.admin, "/metrics").await.body;
    assert!(!metrics.contains(ECHO), "{metrics}");
}

#[tokio::test]
async fn the_contract_that_is_imported_may_be_the_one_that_is_served() {
    let server = serving(|scripted| Rpcs::new().with(SCRIPTED, EchoServer::new(scripted))).await;
    let address = server.address.to_string();
    assert_lists(&address, &[ECHO]).await;
    let metrics = get(&server.admin, "/metrics").await.body;
    assert!(metrics.contains(ECHO), "{metrics}");
    assert!(!metrics.contains(SERVICE), "{metrics}");
}
