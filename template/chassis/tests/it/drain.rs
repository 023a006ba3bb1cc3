//! How the service stops, whatever its clients do.

use std::time::{Duration, Instant};

use chassis::testing::http2::{DATA, GOAWAY, NO_ERROR, PING, Raw, SETTINGS, WINDOW_UPDATE, frame};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

use crate::support::{UNARY, connect, echo, echo_reply, echo_request, running};

#[tokio::test(flavor = "multi_thread")]
async fn the_drain_ends_in_time_whatever_clients_do() {
    let mut service = running(&["--drain-delay", "500ms", "--drain-timeout", "500ms"]);
    let address = service.address();
    let mut slow = Raw::greet(&address).await;
    slow.begin(1, UNARY).await;
    let _silent = Raw::silent(&address).await;
    let mut health = HealthClient::new(connect(&address).await);
    let watch = health.watch(HealthCheckRequest::default()).await;
    let mut watch = watch.unwrap().into_inner();
    assert_eq!(status(watch.message().await), Some(ServingStatus::Serving));

    let asked = Instant::now();
    service.signal("TERM");
    assert_eq!(
        status(watch.message().await),
        Some(ServingStatus::NotServing)
    );
    // Load balancers have not looked away yet.
    assert_eq!(echo(&address, "late").await.unwrap(), "late");
    assert_eq!(status(watch.message().await), None);
    let goaway = slow.wait_for(GOAWAY).await;
    assert_eq!(goaway.number(), NO_ERROR);
    assert!(asked.elapsed() >= Duration::from_millis(500));
    slow.rest().await;
    service.wait_for("Connection closed by force");
    let (status, _) = service.wait();
    assert_eq!(status.code(), Some(0));
    let took = asked.elapsed();
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

fn status(answer: Result<Option<HealthCheckResponse>, tonic::Status>) -> Option<ServingStatus> {
    answer.unwrap().map(|response| response.status())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rpc_in_flight_completes() {
    for signal in ["TERM", "INT"] {
        let service = running(&["--drain-delay", "0s", "--drain-timeout", "1h"]);
        let mut client = Raw::greet(&service.address()).await;
        client.begin(1, UNARY).await;
        client.wait_for(SETTINGS).await;
        service.signal(signal);
        client.wait_for(GOAWAY).await;
        let ping = client.wait_for(PING).await;
        client.acknowledge(&ping).await;
        client.end(1, &echo_request("in flight")).await;
        let answer = client.wait_for(DATA).await;
        assert_eq!(answer.payload, echo_reply("in flight"));
        client.rest().await;
        let (status, log) = service.wait();
        assert_eq!(status.code(), Some(0), "{signal}");
        assert!(log.last().unwrap().ends_with("STATE Stopped"), "{log:?}");
    }
}

/// As gRPC's C core and HAProxy do it, which have more to send when they answer.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_come_behind_the_answer_to_the_goodbye_are_served() {
    let service = running(&["--drain-delay", "0s", "--drain-timeout", "1h"]);
    let mut client = Raw::greet(&service.address()).await;
    client.begin(1, UNARY).await;
    client.wait_for(SETTINGS).await;
    service.signal("TERM");
    client.wait_for(GOAWAY).await;
    let ping = client.wait_for(PING).await;
    client.acknowledge(&ping).await;
    client.begin(3, UNARY).await;
    let more = 1000_u32.to_be_bytes();
    client.send(&frame(WINDOW_UPDATE, 0, 3, &more)).await;
    client.end(3, &echo_request("late")).await;
    let answer = client.wait_for(DATA).await;
    assert_eq!(answer.payload, echo_reply("late"));
    // No more of them come from now on.
    let goaway = client.wait_for(GOAWAY).await;
    assert_eq!(goaway.payload[..4], 3_u32.to_be_bytes());
    assert_eq!(goaway.number(), NO_ERROR);
    client.end(1, &echo_request("in flight")).await;
    let answer = client.wait_for(DATA).await;
    assert_eq!(answer.payload, echo_reply("in flight"));
    client.rest().await;
    let (status, _) = service.wait();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("INT", "INT")] {
        let mut service = running(&["--drain-delay", "1h", "--drain-timeout", "1h"]);
        let mut client = Raw::greet(&service.address()).await;
        client.begin(1, UNARY).await;
        client.wait_for(SETTINGS).await;
        service.signal(first);
        service.wait_for("STATE Stopping");
        service.signal(second);
        let (status, _) = service.wait();
        assert_eq!(status.code(), Some(1), "{first} {second}");
    }
}

#[tokio::test]
async fn nobody_at_a_terminal_waits_for_load_balancers() {
    let service = running(&["--drain-delay", "1h"]);
    service.signal("INT");
    let (status, _) = service.wait();
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn idle_clients_do_not_hold_it_up() {
    let service = running(&["--drain-delay", "0s", "--drain-timeout", "1h"]);
    let _greeted = Raw::greet(&service.address())
        .await
        .wait_for(SETTINGS)
        .await;
    let _connected = connect(&service.address()).await;
    service.signal("TERM");
    let ended = tokio::task::spawn_blocking(|| service.wait());
    let (status, _) = ended.await.unwrap();
    assert_eq!(status.code(), Some(0));
}
