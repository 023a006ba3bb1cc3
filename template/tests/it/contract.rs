//! What the service promises to everybody who calls it, wherever it runs; and the
//! call that stands for all others.

use chassis::testing::costs::Rpc;
use prost::Message;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use {{crate_name}}_api::{self as api, Api};

use crate::support::{SERVICE, Service, channel};

/// Makes the call that stands for all others, and returns its answer.
pub async fn call(channel: impl api::Transport) -> Result<String, api::Error> {
    let client = api::Client::new(channel);
    client.hello("Hello, world!".into()).await
}

/// The same as an RPC, whose cost tells of that of all others.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody counts"))]
pub fn rpc() -> Rpc {
    let message = "Hello, world!".into();
    Rpc {
        path: format!("/{SERVICE}/Hello"),
        message: api::proto::HelloRequest { message }.encode_to_vec(),
    }
}

#[tokio::test]
async fn hello_answers_with_the_message_it_was_sent() {
    let service = Service::new();
    let client = api::Client::new(channel(&service.address).await);
    for message in ["Hello, world!", "", "Grüße, 世界 🌍", &"x".repeat(100_000)] {
        assert_eq!(client.hello(message.into()).await.unwrap(), message);
    }
}

#[tokio::test]
async fn the_health_service_says_that_it_serves() {
    let service = Service::new();
    let mut health = HealthClient::new(channel(&service.address).await);
    for service in ["", SERVICE] {
        let service = service.into();
        let response = health.check(HealthCheckRequest { service }).await.unwrap();
        assert_eq!(response.into_inner().status(), ServingStatus::Serving);
    }
}
