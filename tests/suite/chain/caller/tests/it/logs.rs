//! One id finds a request wherever it went.

use crate::system::{System, TRACE_ID, checkout, known_as, stock_badge};

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_request_id_and_trace_are_in_all_three_logs() {
    let mut system = System::start(&[]);
    let mut client = system.client().await;
    let request = known_as("cart-7", checkout());
    let response = client.checkout(request).await.unwrap();
    assert_eq!(response.into_inner().receipt, "Thank you for order 1!");

    let methods = ["Front", "Orders", "Inventory"];
    for (line, service) in system.logged("cart-7").iter().zip(methods) {
        assert!(line.contains(&format!("{service}Service/")), "{line}");
        assert!(line.contains(" code=Ok "), "{line}");
        assert!(line.contains(&format!(" trace_id={TRACE_ID}")), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_of_a_stream_are_there_too() {
    let mut system = System::start(&[]);
    let mut client = system.client().await;
    let request = known_as("page-7", stock_badge());
    let mut badges = client.stock_badge(request).await.unwrap().into_inner();
    let first = badges.message().await.unwrap().unwrap();
    assert_eq!(first.text, "in stock");
    // A purchase of all that is left, by somebody else, shows at once.
    let mut rest = checkout();
    rest.get_mut().cart = [("tea".into(), 100)].into();
    client.checkout(rest).await.unwrap();
    let second = badges.message().await.unwrap().unwrap();
    assert_eq!(second.text, "sold out");

    // Whoever hangs up does so in all of them.
    drop(badges);
    for line in system.logged("page-7") {
        assert!(line.contains(" code=Cancelled "), "{line}");
        assert!(line.contains(&format!(" trace_id={TRACE_ID}")), "{line}");
    }
}
