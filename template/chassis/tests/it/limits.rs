//! Limits of messages, connections, RPCs, and of everybody's time.

use std::time::Duration;

use chassis::testing::http2::{
    self, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_ERROR, PING, PREFACE, Raw, SETTINGS,
    header, headers,
};
use tokio::{io::AsyncReadExt, time::timeout};
use tonic::Code;

use crate::support::{
    InProcess, UNARY, echo, echo_reply, echo_request, http::get, request, running,
};

/// Long enough to see that nothing happens.
const A_WHILE: Duration = Duration::from_millis(200);

/// The largest message, as every gRPC implementation has it.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

#[tokio::test]
async fn a_request_may_have_four_mebibytes_and_not_one_byte_more() {
    let service = running(&[]);
    // Encoded, a text this long has five bytes in front of it, and "echo" takes six.
    let largest = "x".repeat(MAX_MESSAGE - 5 - 6);
    let answer = echo(&service.address(), &largest).await.unwrap();
    assert_eq!(answer.len(), largest.len());
    let status = echo(&service.address(), &(largest + "x"))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
}

#[tokio::test]
async fn connections_over_the_limit_wait_until_one_closes() {
    let service = running(&["--max-connections", "2"]);
    let address = service.address();
    let mut first = Raw::greet(&address).await;
    let mut second = Raw::greet(&address).await;
    first.wait_for(SETTINGS).await;
    second.wait_for(SETTINGS).await;

    let mut third = Raw::greet(&address).await;
    timeout(A_WHILE, third.next())
        .await
        .expect_err("it should have to wait");
    drop(first);
    third.wait_for(SETTINGS).await;
}

#[tokio::test]
async fn a_silent_socket_is_closed() {
    let mut service = running(&["--handshake-timeout", "100ms"]);
    let mut silent = Raw::silent(&service.address()).await;
    let mut received = Vec::new();
    silent.0.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    let line = service.wait_for("no greeting within 100ms");
    let peer = silent.0.local_addr().unwrap().to_string();
    assert!(line.contains(&peer), "{line}");
}

#[tokio::test]
async fn a_greeting_in_slow_pieces_is_cut_short() {
    let mut service = running(&["--handshake-timeout", "300ms"]);
    let mut slow = Raw::silent(&service.address()).await;
    for byte in PREFACE {
        slow.send(&[*byte]).await;
        if timeout(Duration::from_millis(50), slow.0.readable())
            .await
            .is_ok()
        {
            break;
        }
    }
    assert!(slow.next().await.is_none(), "it should have been closed");
    service.wait_for("no greeting within 300ms");
}

#[tokio::test]
async fn a_client_that_stops_acknowledging_pings_is_closed() {
    let service = running(&[
        "--keepalive-interval",
        "100ms",
        "--keepalive-timeout",
        "300ms",
    ]);
    let mut client = Raw::greet(&service.address()).await;
    for _ in 0..5 {
        let ping = client.wait_for(PING).await;
        client.acknowledge(&ping).await;
    }
    client.begin(1, UNARY).await;
    client.end(1, &echo_request("alive")).await;
    client.wait_for(DATA).await;

    client.wait_for(PING).await;
    client.rest().await;
}

#[tokio::test]
async fn an_old_connection_is_asked_to_go_and_its_rpc_completes() {
    let service = running(&["--connection-age", "200ms"]);
    let mut client = Raw::greet(&service.address()).await;
    client.begin(1, UNARY).await;
    let goaway = client.wait_for(GOAWAY).await;
    assert_eq!(goaway.number(), NO_ERROR);
    // Which streams it still takes depends on what this answers.
    let ping = client.wait_for(PING).await;
    client.acknowledge(&ping).await;
    client.wait_for(GOAWAY).await;

    client.end(1, &echo_request("old")).await;
    let answer = client.wait_for(DATA).await;
    assert_eq!(answer.payload, echo_reply("old"));
    let trailers = client.wait_for(HEADERS).await;
    assert_eq!(trailers.flags, END_HEADERS | END_STREAM);
    client.rest().await;
}

#[tokio::test]
async fn an_rpc_over_the_limit_is_refused_and_the_others_complete() {
    let server = InProcess::start(&["--max-requests", "2"]).await;
    let client = server.stub().await;
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.unary(request("wait reply")).await })
        })
        .collect();
    server.waiting(2).await;
    // The limit is one over all connections.
    let mut other = server.stub().await;
    let status = other.unary(request("reply")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    server.release(2);
    for call in slow {
        call.await.unwrap().unwrap();
    }
    other.unary(request("reply")).await.unwrap();
}

#[tokio::test]
async fn the_binary_refuses_an_rpc_over_the_limit_too() {
    let mut service = running(&["--max-requests", "2", "--admin-port", "0"]);
    let admin = service.admin();
    let mut client = Raw::greet(&service.address()).await;
    for stream in [1, 3, 5] {
        client.begin(stream, UNARY).await;
    }
    let refusal = client.wait_for(HEADERS).await;
    assert_eq!(refusal.flags & END_STREAM, END_STREAM);
    let text = get(&admin, "/metrics").await.body;
    let exhausted = |line: &&str| line.contains("ResourceExhausted") && line.ends_with(" 1");
    assert_eq!(text.lines().filter(exhausted).count(), 1, "{text}");
    for stream in [1, 3, 5].into_iter().filter(|it| *it != refusal.stream) {
        let text = format!("stream {stream}");
        client.end(stream, &echo_request(&text)).await;
        let answer = client.wait_for(DATA).await;
        assert_eq!((answer.stream, answer.payload), (stream, echo_reply(&text)));
    }
}

#[tokio::test]
async fn a_call_ends_at_the_services_deadline_even_if_its_caller_would_wait() {
    let server = InProcess::start(&["--request-timeout", "100ms"]).await;
    let mut patient = request("wait");
    patient.set_timeout(Duration::from_mins(1));
    let status = server.stub().await.unary(patient).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
}

#[tokio::test]
async fn a_call_ends_at_its_callers_deadline_even_if_its_request_never_does() {
    let service = running(&["--request-timeout", "1h"]);
    let mut client = Raw::greet(&service.address()).await;
    let mut block = http2::request(UNARY);
    block.extend(header("grpc-timeout", "100m"));
    client.send(&headers(1, &block)).await;
    let answer = client.wait_for(HEADERS).await;
    assert_eq!((answer.stream, answer.flags & END_STREAM), (1, END_STREAM));
}
