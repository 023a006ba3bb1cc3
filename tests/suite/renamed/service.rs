//! The core: what the service does. No gRPC, no protobuf, no sockets in here.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use exchange_api::{self as api, Api, Order};

/// The service, independent of how it is reached.
#[derive(Default)]
pub struct Service {
    placed: AtomicU64,
    upstream: Option<Arc<dyn Api>>,
}

/// What the core answers when it can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is for nothing.
    #[error("the quantity is 0")]
    Empty,
    /// The service that this one depends on failed.
    #[error("upstream: {}", .0.message())]
    Upstream(#[from] api::Error),
}

impl Service {
    /// A service that passes what it is asked on to `upstream`.
    #[must_use]
    pub fn with_upstream(upstream: Arc<dyn Api>) -> Self {
        Self {
            upstream: Some(upstream),
            ..Self::default()
        }
    }

    /// Places `order`, at its upstream where it has one, and answers with its id.
    pub async fn place_order(&self, order: Order) -> Result<String, Error> {
        if order.quantity == 0 {
            return Err(Error::Empty);
        }
        if let Some(upstream) = &self.upstream {
            return Ok(upstream.place_order(order).await?);
        }
        let number = self.placed.fetch_add(1, Relaxed) + 1;
        Ok(format!("{}-{number}", order.instrument))
    }
}

#[cfg(test)]
mod tests {
    use api::{MockApi, Money};

    use super::*;

    fn order(quantity: u64) -> Order {
        Order {
            instrument: "ACME".into(),
            quantity,
            limit: Money {
                currency: "EUR".into(),
                amount: 1999,
            },
        }
    }

    #[tokio::test]
    async fn each_order_has_an_id_of_its_own() {
        let service = Service::default();
        assert_eq!(service.place_order(order(7)).await.unwrap(), "ACME-1");
        assert_eq!(service.place_order(order(7)).await.unwrap(), "ACME-2");
    }

    #[tokio::test]
    async fn an_order_for_nothing_is_refused() {
        let error = Service::default().place_order(order(0)).await.unwrap_err();
        assert!(matches!(error, Error::Empty), "{error}");
    }

    #[tokio::test]
    async fn answers_what_its_upstream_answers() {
        let mut upstream = MockApi::new();
        upstream
            .expect_place_order()
            .withf(|placed| *placed == order(7))
            .once()
            .returning(|_| Ok("42".into()));
        let service = Service::with_upstream(Arc::new(upstream));
        assert_eq!(service.place_order(order(7)).await.unwrap(), "42");
    }

    #[tokio::test]
    async fn fails_when_its_upstream_fails() {
        let mut upstream = MockApi::new();
        upstream
            .expect_place_order()
            .returning(|_| Err(api::Error::unavailable("gone")));
        let service = Service::with_upstream(Arc::new(upstream));
        let error = service.place_order(order(7)).await.unwrap_err();
        assert!(matches!(error, Error::Upstream(_)), "{error}");
    }
}
