//! Peers that don't take what they are sent.

use std::time::{Duration, Instant};

use chassis::testing::http2::{
    self, CANCEL, DATA, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM, Raw,
    SETTINGS, WINDOW_UPDATE, frame, header, headers, prefixed,
};
use prost::Message;

use crate::support::{
    SERVER_STREAM, UNARY, echo, echo_reply, echo_request,
    http::{get, metric},
    running, script,
};

/// A connection on which nothing may be sent.
async fn closed_window(address: &str) -> Raw {
    let raw = Raw::silent(address).await;
    raw.greeted_with(&[(INITIAL_WINDOW_SIZE, 0)]).await
}

/// Has a response begun that waits for its window; with these headers besides.
async fn call(client: &mut Raw, stream: u32, path: &str, words: &str, more: &[u8]) {
    let block = [&http2::request(path), more].concat();
    client.send(&headers(stream, &block)).await;
    client.end(stream, &script(words).encode_to_vec()).await;
}

#[tokio::test]
async fn a_response_that_nobody_takes_ends_at_its_callers_deadline() {
    let mut service = running(&["--admin-port", "0"]);
    let admin = service.admin();
    let mut client = closed_window(&service.address()).await;
    for (stream, path) in [(1, UNARY), (3, SERVER_STREAM)] {
        let began = Instant::now();
        let timeout = header("grpc-timeout", "200m");
        call(&mut client, stream, path, "reply reply", &timeout).await;
        let reset = client.wait_for(RST_STREAM).await;
        assert_eq!((reset.stream, reset.number()), (stream, CANCEL));
        assert!(began.elapsed() >= Duration::from_millis(200));
    }
    let text = get(&admin, "/metrics").await.body;
    let late = |line: &&str| line.contains("DeadlineExceeded") && line.ends_with(" 1");
    assert_eq!(text.lines().filter(late).count(), 2, "{text}");

    // The connection is as good as before.
    client.begin(5, UNARY).await;
    client.end(5, &echo_request("next")).await;
    client
        .send(&frame(WINDOW_UPDATE, 0, 5, &1000_u32.to_be_bytes()))
        .await;
    let answer = client.wait_for(DATA).await;
    assert_eq!((answer.stream, answer.payload), (5, echo_reply("next")));
}

#[tokio::test]
async fn a_response_that_nobody_takes_ends_without_a_deadline_too() {
    let service = running(&["--request-timeout", "200ms"]);
    let mut client = closed_window(&service.address()).await;
    for (stream, path) in [(1, UNARY), (3, SERVER_STREAM)] {
        call(&mut client, stream, path, "reply", &[]).await;
        let reset = client.wait_for(RST_STREAM).await;
        assert_eq!((reset.stream, reset.number()), (stream, CANCEL));
    }
}

#[tokio::test]
async fn a_response_that_is_taken_bit_by_bit_is_sent_to_its_end() {
    const BIT: u32 = 16 * 1024;
    let service = running(&["--request-timeout", "400ms"]);
    let mut client = closed_window(&service.address()).await;
    // The window that matters is that of the stream.
    let window = (1_u32 << 30).to_be_bytes();
    client.send(&frame(WINDOW_UPDATE, 0, 0, &window)).await;
    call(&mut client, 1, UNARY, "reply=300000", &[]).await;
    let mut received = 0;
    let trailers = loop {
        let got = client.next().await.unwrap();
        match got.kind {
            // The head of the response, and each bit of it, asks for the next. Each comes
            // in time, all together take longer.
            DATA | HEADERS if got.flags & END_STREAM == 0 => {
                received += got.payload.len() * usize::from(got.kind == DATA);
                tokio::time::sleep(Duration::from_millis(100)).await;
                let more = frame(WINDOW_UPDATE, 0, 1, &BIT.to_be_bytes());
                client.send(&more).await;
            }
            HEADERS => break got,
            SETTINGS | WINDOW_UPDATE => {}
            _ => panic!("{got:?}"),
        }
    };
    assert_eq!(trailers.stream, 1);
    assert!(received > 300_000, "{received}");
}

#[tokio::test]
async fn a_connection_is_closed_by_force_some_grace_after_its_age() {
    let mut service = running(&[
        "--connection-age",
        "100ms",
        "--connection-age-grace",
        "300ms",
    ]);
    let mut client = closed_window(&service.address()).await;
    let began = Instant::now();
    call(&mut client, 1, SERVER_STREAM, "reply", &[]).await;
    client.wait_for(GOAWAY).await;
    let ping = client.wait_for(PING).await;
    client.acknowledge(&ping).await;
    client.rest().await;
    assert!(began.elapsed() >= Duration::from_millis(300));
    service.wait_for("Connection closed by force");
}

#[tokio::test]
async fn a_peer_that_reads_nothing_is_closed() {
    let flags = [
        &["--keepalive-timeout", "300ms", "--max-requests", "10000"][..],
        &["--loglevel", "0"],
    ];
    let mut service = running(&flags.concat());
    let raw = Raw::silent(&service.address()).await;
    let mut client = raw.greeted_with(&[(INITIAL_WINDOW_SIZE, 1 << 30)]).await;
    let window = (1_u32 << 30).to_be_bytes();
    client.send(&frame(WINDOW_UPDATE, 0, 0, &window)).await;
    let message = prefixed(&script("reply=1000000").encode_to_vec());
    // More than any socket buffers.
    for stream in (0..50).map(|n| 2 * n + 1) {
        let mut call = headers(stream, &http2::request(UNARY));
        call.extend(frame(DATA, END_STREAM, stream, &message));
        client.send(&call).await;
    }
    service.wait_for("has taken nothing for 300ms");
    assert_eq!(echo(&service.address(), "others").await.unwrap(), "others");
}

#[tokio::test]
async fn a_peer_that_reads_slowly_is_not() {
    let mut service = running(&["--keepalive-timeout", "500ms", "--admin-port", "0"]);
    let admin = service.admin();
    let raw = Raw::silent(&service.address()).await;
    let mut client = raw.greeted_with(&[(INITIAL_WINDOW_SIZE, 1 << 30)]).await;
    let window = (1_u32 << 30).to_be_bytes();
    client.send(&frame(WINDOW_UPDATE, 0, 0, &window)).await;
    // More than the socket's buffers hold, in pieces that free some of them each time.
    call(
        &mut client,
        1,
        SERVER_STREAM,
        &"reply=2000000 ".repeat(10),
        &[],
    )
    .await;
    let mut received = 0;
    let mut since = 0;
    while received < 10 * 2_000_000 {
        let piece = client.wait_for(DATA).await;
        received += piece.payload.len();
        since += piece.payload.len();
        if since > 2_000_000 {
            since = 0;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
    let ok = r#"grpc_server_handled_total{grpc_service="test.v1.Scripted",grpc_method="ServerStream",grpc_type="server_stream",grpc_code="OK"}"#;
    client.wait_for(HEADERS).await;
    while metric(&admin, ok).await != Some(1.0) {
        tokio::task::yield_now().await;
    }
}
