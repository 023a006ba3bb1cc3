//! What users ask of the system. Each call is a test, and a part of the load that upgrades, faults and
//! benchmarks are under.

use crate::call::Call;

/// All of them.
// TODO: name the calls that must not fail, each with the services that it passes through. The packages
// of the contracts are dependencies already:
//
//     Call::new("order-book", "PlaceOrder", |connection, number| async move {
//         let orders = order_book_api::Client::new(connection);
//         let order = orders.place_order(number).await?;
//         expect(order.number == number, || format!("{order:?} for order {number}"))
//     })
//     .through(&["inventory"]),
#[must_use]
pub fn calls() -> Vec<Call> {
    vec![]
}
