//! What users ask of the shop.

use front_api::{
    GrpcClient,
    proto::{CheckoutRequest, StockBadgeRequest},
};
use inventory_api::Api as _;
use orders_api::{Api as _, Line};

use crate::call::{Call, expect};

/// All of them.
#[must_use]
pub fn calls() -> Vec<Call> {
    vec![
        Call::new("front", "Checkout", |connection, number| async move {
            let cart = [(format!("tea {number}"), 2)].into();
            let mut front = GrpcClient::new(connection);
            let answer = front.checkout(CheckoutRequest { cart }).await?.into_inner();
            expect(answer.receipt.starts_with("Thank you for order "), || {
                answer.receipt
            })
        })
        .through(&["orders", "inventory"]),
        Call::new("front", "StockBadge", |connection, number| async move {
            let sku = format!("salt {number}");
            let mut front = GrpcClient::new(connection);
            let answer = front.stock_badge(StockBadgeRequest { sku }).await?;
            let badge = answer.into_inner().message().await?;
            let text = badge.map(|badge| badge.text);
            expect(text.as_deref() == Some("in stock"), || format!("{text:?}"))
        })
        .through(&["orders", "inventory"]),
        Call::new("orders", "PlaceOrder", |connection, number| async move {
            let orders = orders_api::Client::new(connection);
            let (sku, units) = (format!("rice {number}"), 1);
            let order = orders.place_order(vec![Line { sku, units }]).await?;
            expect(order > 0, || format!("order {order}"))
        })
        .through(&["inventory"]),
        Call::new("inventory", "Reserve", |connection, number| async move {
            let inventory = inventory_api::Client::new(connection);
            let left = inventory.reserve(format!("oil {number}"), 1).await?;
            expect(left >= 99, || format!("{left} left"))
        }),
    ]
}
