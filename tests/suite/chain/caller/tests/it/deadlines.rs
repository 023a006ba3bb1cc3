//! How long the caller waits is how long all of them work.

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};

use crate::system::{System, checkout, known_as, stock_badge};

/// Enough to get to the third service, on a busy machine too.
const DEADLINE: Duration = Duration::from_secs(2);

/// The least that any of the three would wait by itself: 10 s, for an answer of the next.
const WITHOUT: Duration = Duration::from_secs(10);

/// It ended when the caller said, and for that reason, here and in the third service.
fn ended_in_time(system: &mut System, id: &str, began: Instant, status: &Status) {
    let took = began.elapsed();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    assert!(DEADLINE <= took && took < WITHOUT, "{took:?}");
    let [_, _, line] = system.logged(id);
    let ended = line.contains(" code=DeadlineExceeded ") || line.contains(" code=Cancelled ");
    assert!(
        line.contains("/inventory.v1.InventoryService/") && ended,
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_deadline_ends_a_call_in_the_third_service() {
    let mut system = System::start(&["--picking-time=1h"]);
    let mut client = system.client().await;
    let mut request = known_as("cart-7", checkout());
    request.set_timeout(DEADLINE);
    let began = Instant::now();
    let status = client.checkout(request).await.unwrap_err();
    ended_in_time(&mut system, "cart-7", began, &status);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_deadline_ends_a_stream_in_the_third_service() {
    let mut system = System::start(&[]);
    let mut client = system.client().await;
    let mut request = known_as("page-7", stock_badge());
    request.set_timeout(DEADLINE);
    let began = Instant::now();
    let mut badges = client.stock_badge(request).await.unwrap().into_inner();
    badges.message().await.unwrap().unwrap();
    let status = badges.message().await.unwrap_err();
    ended_in_time(&mut system, "page-7", began, &status);
}
