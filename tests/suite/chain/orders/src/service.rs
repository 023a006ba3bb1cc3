//! The core: what the service does. No gRPC, no protobuf, no sockets in here.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use futures_util::{Stream, StreamExt};

use inventory_api::{self as inventory, Api as Inventory};
use orders_api::Line;

/// The service, independent of how it is reached.
pub struct Service {
    inventory: Arc<dyn Inventory>,
    placed: AtomicU64,
}

/// What the core answers when it can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It has no lines.
    #[error("the order is empty")]
    Empty,
    /// The inventory failed, or has too few.
    #[error("inventory: {}", .0.message())]
    Inventory(#[from] inventory::Error),
}

impl Service {
    /// A service that takes what is ordered from `inventory`.
    #[must_use]
    pub fn new(inventory: Arc<dyn Inventory>) -> Self {
        let placed = AtomicU64::default();
        Self { inventory, placed }
    }

    /// Places an order, and answers with its id.
    pub async fn place_order(&self, lines: Vec<Line>) -> Result<u64, Error> {
        if lines.is_empty() {
            return Err(Error::Empty);
        }
        // What was taken when a later line fails stays taken: the inventory takes nothing back.
        for Line { sku, units } in lines {
            self.inventory.reserve(sku, units).await?;
        }
        Ok(self.placed.fetch_add(1, Relaxed) + 1)
    }

    /// Whether `line` could be ordered: now, and whenever that may have changed.
    pub async fn watch_availability(
        &self,
        line: Line,
    ) -> Result<impl Stream<Item = Result<bool, Error>> + use<>, Error> {
        let Line { sku, units } = line;
        let levels = self.inventory.watch(sku).await?;
        Ok(levels.map(move |level| Ok(level? >= units)))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use inventory::MockApi;

    use super::*;

    fn line(sku: &str, units: u32) -> Line {
        let sku = sku.into();
        Line { sku, units }
    }

    fn service(inventory: MockApi) -> Service {
        Service::new(Arc::new(inventory))
    }

    #[tokio::test]
    async fn each_line_is_taken_from_the_inventory() {
        let mut inventory = MockApi::new();
        inventory
            .expect_reserve()
            .withf(|sku, units| (sku.as_str(), *units) == ("tea", 2))
            .once()
            .returning(|_, _| Ok(98));
        inventory
            .expect_reserve()
            .withf(|sku, units| (sku.as_str(), *units) == ("salt", 1))
            .once()
            .returning(|_, _| Ok(99));
        let lines = vec![line("tea", 2), line("salt", 1)];
        assert_eq!(service(inventory).place_order(lines).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn an_order_fails_when_the_inventory_has_too_few() {
        let mut inventory = MockApi::new();
        inventory
            .expect_reserve()
            .returning(|_, _| Err(inventory::Error::failed_precondition("only 1 left")));
        let order = service(inventory).place_order(vec![line("tea", 2)]).await;
        assert_eq!(order.unwrap_err().to_string(), "inventory: only 1 left");
    }

    #[tokio::test]
    async fn an_empty_order_bothers_nobody() {
        let order = service(MockApi::new()).place_order(vec![]).await;
        assert!(matches!(order, Err(Error::Empty)), "{order:?}");
    }

    #[tokio::test]
    async fn what_is_in_stock_is_available() {
        let mut inventory = MockApi::new();
        inventory
            .expect_watch()
            .returning(|_| Ok(Box::pin(stream::iter([Ok(3), Ok(2), Ok(1)]))));
        let available = service(inventory).watch_availability(line("tea", 2)).await;
        let available = available.unwrap().map(Result::unwrap);
        let available: Vec<_> = available.collect().await;
        assert_eq!(available, [true, true, false]);
    }
}
