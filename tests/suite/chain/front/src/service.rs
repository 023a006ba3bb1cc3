//! The core: what the service does. No gRPC, no protobuf, no sockets in here.

use std::{collections::HashMap, sync::Arc};

use futures_util::{Stream, StreamExt};

use orders_api::{self as orders, Api as Orders, Line};

/// The service, independent of how it is reached.
pub struct Service {
    orders: Arc<dyn Orders>,
}

/// What the core answers when it can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The order was refused, or could not be placed.
    #[error("orders: {}", .0.message())]
    Orders(#[from] orders::Error),
}

impl Service {
    /// A service that places its orders with `orders`.
    #[must_use]
    pub fn new(orders: Arc<dyn Orders>) -> Self {
        Self { orders }
    }

    /// Buys so many of each thing, and answers with the receipt.
    pub async fn checkout(&self, cart: HashMap<String, u32>) -> Result<String, Error> {
        let lines = cart.into_iter().map(|(sku, units)| Line { sku, units });
        let id = self.orders.place_order(lines.collect()).await?;
        Ok(format!("Thank you for order {id}!"))
    }

    /// What to show beside `sku`: now, and whenever that may have changed.
    pub async fn stock_badge(
        &self,
        sku: String,
    ) -> Result<impl Stream<Item = Result<&'static str, Error>> + use<>, Error> {
        let available = self.orders.watch_availability(Line { sku, units: 1 });
        Ok(available.await?.map(|available| {
            let text = if available? { "in stock" } else { "sold out" };
            Ok(text)
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use orders::MockApi;

    use super::*;

    #[tokio::test]
    async fn a_receipt_names_the_order() {
        let mut orders = MockApi::new();
        orders
            .expect_place_order()
            .withf(|lines| {
                let [Line { sku, units: 2 }] = &lines[..] else {
                    return false;
                };
                sku == "tea"
            })
            .returning(|_| Ok(7));
        let service = Service::new(Arc::new(orders));
        let receipt = service.checkout([("tea".into(), 2)].into()).await;
        assert_eq!(receipt.unwrap(), "Thank you for order 7!");
    }

    #[tokio::test]
    async fn what_nobody_can_order_is_sold_out() {
        let mut orders = MockApi::new();
        orders
            .expect_watch_availability()
            .returning(|_| Ok(Box::pin(stream::iter([Ok(true), Ok(false)]))));
        let service = Service::new(Arc::new(orders));
        let badge = service.stock_badge("tea".into()).await.unwrap();
        let badge: Vec<_> = badge.map(Result::unwrap).collect().await;
        assert_eq!(badge, ["in stock", "sold out"]);
    }
}
