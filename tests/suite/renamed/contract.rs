//! What the service promises to everybody who calls it, wherever it runs; and the
//! call that stands for all others.

use chassis::testing::costs::Rpc;
use prost::Message;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use exchange_api::{self as api, Api, Money, Order};

use crate::support::{SERVICE, Service, channel};

fn order() -> Order {
    Order {
        instrument: "ACME".into(),
        quantity: 7,
        limit: Money {
            currency: "EUR".into(),
            amount: 1999,
        },
    }
}

/// Makes the call that stands for all others, and returns its answer.
pub async fn call(channel: impl api::Transport) -> Result<String, api::Error> {
    api::Client::new(channel).place_order(order()).await
}

/// The same as an RPC, whose cost tells of that of all others.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "nobody counts"))]
pub fn rpc() -> Rpc {
    Rpc {
        path: format!("/{SERVICE}/PlaceOrder"),
        message: api::proto::PlaceOrderRequest::from(order()).encode_to_vec(),
    }
}

#[tokio::test]
async fn place_order_answers_with_an_id_that_names_the_instrument() {
    let service = Service::new();
    let client = api::Client::new(channel(&service.address).await);
    for instrument in ["ACME", "", "Grüße, 世界 🌍", &"x".repeat(100_000)] {
        let order = Order {
            instrument: instrument.into(),
            ..order()
        };
        let id = client.place_order(order).await.unwrap();
        let (named, number) = id.rsplit_once('-').unwrap();
        assert_eq!(named, instrument);
        assert!(number.parse::<u64>().is_ok(), "{number}");
    }
}

#[tokio::test]
async fn an_order_for_nothing_is_refused() {
    let service = Service::new();
    let client = api::Client::new(channel(&service.address).await);
    let order = Order {
        quantity: 0,
        ..order()
    };
    let error = client.place_order(order).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
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
