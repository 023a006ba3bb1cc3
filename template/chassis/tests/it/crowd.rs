//! Connections that take up room.

use std::time::{Duration, Instant};

use chassis::testing::{
    Child,
    http2::{DATA, GOAWAY, NO_ERROR, PING, Raw, SETTINGS},
};
use tokio::time::timeout;

use crate::support::{
    UNARY, echo, echo_reply, echo_request,
    http::{get, metric},
    running,
};

/// What a client has that connects for each call.
const CALLS: usize = 20;
const DEADLINE: Duration = Duration::from_secs(3);

/// So many connections to `service` that are greeted and then not used.
async fn idle(service: &Child, connections: usize) -> Vec<Raw> {
    let mut idle = Vec::new();
    for _ in 0..connections {
        let mut raw = Raw::greet(&service.address()).await;
        raw.wait_for(SETTINGS).await;
        idle.push(raw);
    }
    idle
}

/// Acknowledges what has to be, until the connection is closed.
async fn leaves(client: &mut Raw) {
    let goaway = client.wait_for(GOAWAY).await;
    assert_eq!(goaway.number(), NO_ERROR);
    let ping = client.wait_for(PING).await;
    client.acknowledge(&ping).await;
    client.rest().await;
}

#[tokio::test]
async fn a_connection_without_calls_is_closed_after_a_while() {
    let service = running(&["--connection-idle", "300ms"]);
    let began = Instant::now();
    let mut client = Raw::greet(&service.address()).await;
    leaves(&mut client).await;
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_connection_with_a_call_in_flight_is_not_idle() {
    let service = running(&["--connection-idle", "200ms"]);
    let mut client = Raw::greet(&service.address()).await;
    client.begin(1, UNARY).await;
    client.wait_for(SETTINGS).await;
    timeout(Duration::from_millis(600), client.wait_for(GOAWAY))
        .await
        .expect_err("it should be left alone");
    client.end(1, &echo_request("slow")).await;
    let answer = client.wait_for(DATA).await;
    assert_eq!(answer.payload, echo_reply("slow"));
    // Now it is.
    leaves(&mut client).await;
}

#[tokio::test]
async fn who_has_been_idle_for_longest_gives_way_to_who_waits() {
    let service = running(&["--max-connections", "3"]);
    let mut busy = Raw::greet(&service.address()).await;
    busy.begin(1, UNARY).await;
    busy.wait_for(SETTINGS).await;
    let mut others = idle(&service, 2).await;
    assert_eq!(echo(&service.address(), "new").await.unwrap(), "new");
    leaves(&mut others[0]).await;
    busy.end(1, &echo_request("busy")).await;
    let answer = busy.wait_for(DATA).await;
    assert_eq!(answer.payload, echo_reply("busy"));
}

/// Fails unless each call on a connection of its own is answered in time.
async fn each_is_answered(service: &Child) {
    for n in 0..CALLS {
        let text = n.to_string();
        let answer = timeout(DEADLINE, echo(&service.address(), &text)).await;
        assert_eq!(answer.expect("an answer in time").unwrap(), text);
    }
}

#[tokio::test]
async fn idle_connections_lock_nobody_out() {
    let service = running(&["--max-connections", "200"]);
    let _idle = idle(&service, 200).await;
    each_is_answered(&service).await;
}

#[tokio::test]
async fn connections_that_never_greet_lock_nobody_out() {
    let service = running(&["--max-connections", "200"]);
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(Raw::silent(&service.address()).await);
    }
    each_is_answered(&service).await;
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_no_more() {
    let flags = ["--max-per-address", "2", "--admin-port", "0"];
    let mut service = running(&flags);
    let admin = service.admin();
    let mut two = idle(&service, 2).await;
    let mut third = Raw::greet(&service.address()).await;
    assert!(third.next().await.is_none(), "closed without a word");
    let refused = r#"connections_rejected_total{reason="crowd"}"#;
    let text = get(&admin, "/metrics").await.body;
    let name = text.lines().find(|line| line.contains(refused));
    let (name, _) = name.expect(&text).rsplit_once(' ').unwrap();
    assert_eq!(metric(&admin, name).await, Some(1.0));

    drop(two.pop());
    // It takes the service a moment to see that it has gone.
    while Raw::greet(&service.address()).await.next().await.is_none() {}
}
