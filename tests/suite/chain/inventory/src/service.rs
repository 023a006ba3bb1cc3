//! The core: what the service does. No gRPC, no protobuf, no sockets in here.

use std::{collections::HashMap, time::Duration};

use futures_util::{Stream, stream};
use tokio::{sync::watch, time::sleep};

/// How many there are of everything, before any are taken.
const STOCK: u32 = 100;

/// The service, independent of how it is reached.
#[derive(Debug, Default)]
pub struct Service {
    picking_time: Duration,
    taken: watch::Sender<HashMap<String, u32>>,
}

/// What the core answers when it can't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are fewer.
    #[error("only {0} left")]
    TooFew(u32),
}

impl Service {
    /// An inventory where it takes so long to fetch what is reserved.
    #[must_use]
    pub fn new(picking_time: Duration) -> Self {
        Self {
            picking_time,
            ..Self::default()
        }
    }

    /// Takes `units` of `sku`, and answers how many are left.
    pub async fn reserve(&self, sku: String, units: u32) -> Result<u32, Error> {
        sleep(self.picking_time).await;
        let mut outcome = Ok(0);
        self.taken.send_if_modified(|taken| {
            let taken = taken.entry(sku).or_default();
            let left = STOCK - *taken;
            outcome = left.checked_sub(units).ok_or(Error::TooFew(left));
            if outcome.is_ok() {
                *taken += units;
            }
            outcome.is_ok()
        });
        outcome
    }

    /// How many of `sku` there are: now, and whenever that may have changed.
    pub fn watch(&self, sku: String) -> impl Stream<Item = u32> + use<> {
        let mut taken = self.taken.subscribe();
        taken.mark_changed();
        stream::unfold((taken, sku), |(mut taken, sku)| async move {
            taken.changed().await.ok()?;
            let units = STOCK - taken.borrow_and_update().get(&sku).unwrap_or(&0);
            Some((units, (taken, sku)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn what_is_reserved_is_gone() {
        let service = Service::default();
        assert_eq!(service.reserve("tea".into(), 90).await.unwrap(), 10);
        let error = service.reserve("tea".into(), 11).await.unwrap_err();
        assert_eq!(error.to_string(), "only 10 left");
        assert_eq!(service.reserve("salt".into(), 11).await.unwrap(), 89);
    }

    #[tokio::test]
    async fn who_watches_sees_it_go() {
        let service = Service::default();
        let mut levels = pin!(service.watch("tea".into()));
        assert_eq!(levels.next().await, Some(100));
        service.reserve("tea".into(), 1).await.unwrap();
        assert_eq!(levels.next().await, Some(99));
        drop(service);
        assert_eq!(levels.next().await, None);
    }
}
