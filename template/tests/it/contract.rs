//! What the service promises to everybody who calls it, wherever it runs.

use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use {{crate_name}}_api::{self as api, Api};

use crate::support::{SERVICE, Service, channel};

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
