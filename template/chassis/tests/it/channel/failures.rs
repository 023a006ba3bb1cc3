//! Calls that fail in ways of HTTP/2.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use chassis::{
    Channel,
    channel::Settings,
    context::Context,
    testing::http2::{
        DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, NO_ERROR, REFUSED_STREAM, RST_STREAM,
        frame, prefixed,
    },
};
use tokio::time::Instant;
use tonic::Code;

use super::{
    Client, Shape,
    by_hand::{
        Connection::{Closed, Kept},
        End, service, service_of,
    },
    call, call_repeatable,
};
use crate::{contract::SCRIPTED, support::script};

const INTERNAL_ERROR: u32 = 2;

fn reset(stream: u32, reason: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &reason.to_be_bytes())
}

/// Streams up to `last` were handled.
fn goaway(last: u32, reason: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), reason.to_be_bytes()].concat();
    frame(GOAWAY, 0, 0, &payload)
}

/// Whether a method may be called again.
#[derive(Clone, Copy, Debug)]
enum Method {
    OnceOnly,
    Idempotent,
}

/// Makes a call whose first attempt ends so; fails where there are not so many, on so
/// many connections.
async fn attempted(shape: Shape, method: Method, end: End, calls: usize, connections: usize) {
    let (settings, seen) = service(end).await;
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    let client = Client::new(channel);
    let outcome = match method {
        Method::OnceOnly => call(&client, shape, "").await,
        Method::Idempotent => call_repeatable(&client, shape, "").await,
    };
    let status = outcome.unwrap_err();
    assert_eq!(seen.calls.load(Relaxed), calls, "{shape:?}: {status}");
    if calls == 2 {
        assert_eq!(status.code(), Code::NotFound, "{shape:?}");
        let seen = seen.connections.load(Relaxed);
        assert_eq!(seen, connections, "{shape:?}");
    } else if connections == 2 {
        assert_eq!(status.code(), Code::Unavailable, "{shape:?}");
    } else {
        assert_eq!(status.code(), Code::Internal, "{shape:?}");
    }
}

#[tokio::test]
async fn a_call_is_made_again_if_that_does_no_harm() {
    let (unhandled, handled): (End, End) = (
        (|stream| goaway(stream - 2, NO_ERROR), Kept),
        (|stream| goaway(stream, NO_ERROR), Closed),
    );
    let cases: [(&str, End, _, _); 5] = [
        ("refused", (|it| reset(it, REFUSED_STREAM), Kept), [2, 2], 1),
        ("left out by GOAWAY", unhandled, [2, 2], 2),
        ("cut off after GOAWAY", handled, [1, 2], 2),
        ("cut off", (|_| Vec::new(), Closed), [1, 2], 2),
        ("failed", (|it| reset(it, INTERNAL_ERROR), Kept), [1, 1], 1),
    ];
    let methods = [Method::OnceOnly, Method::Idempotent];
    for (case, end, calls, connections) in cases {
        for (method, calls) in methods.into_iter().zip(calls) {
            println!("{case}, {method:?}");
            let attempted = |shape| attempted(shape, method, end, calls, connections);
            tokio::join!(
                attempted(Shape::Unary),
                attempted(Shape::ServerStream),
                attempted(Shape::ClientStream),
            );
        }
    }
}

/// One that an interceptor of HTTP gives, such as a proxy whose service is away.
const GATEWAY_ERROR: &[u8] = b"\x08\x03502";

#[tokio::test]
async fn an_error_of_a_proxy_is_one_of_the_way_to_the_service() {
    let proxy: End = (
        |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, GATEWAY_ERROR),
        Kept,
    );
    for shape in [Shape::Unary, Shape::ServerStream, Shape::ClientStream] {
        let (settings, seen) = service(proxy).await;
        let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
        let client = Client::new(channel);
        let status = call(&client, shape, "").await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{shape:?}: {status}");
        assert_eq!(seen.calls.load(Relaxed), 1, "{shape:?}");

        let (settings, seen) = service(proxy).await;
        let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
        let client = Client::new(channel);
        let status = call_repeatable(&client, shape, "").await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{shape:?}: {status}");
        assert_eq!(seen.calls.load(Relaxed), 2, "{shape:?}");
    }
}

/// The head of a response, and a message that is empty.
fn begun(stream: u32) -> Vec<u8> {
    let head = b"\x88\x0f\x10\x10application/grpc";
    let head = frame(HEADERS, END_HEADERS, stream, head);
    [head, frame(DATA, 0, stream, &prefixed(&[]))].concat()
}

#[tokio::test]
async fn a_stream_that_ends_nowhere_ends_at_the_deadline() {
    let (settings, _) = service((begun, Kept)).await;
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    let mut client = Client::new(channel);
    let context = Context {
        deadline: Some(Instant::now() + Duration::from_millis(100)),
        ..Context::default()
    };
    let response = context.scope(client.server_stream(script(""))).await;
    let mut replies = response.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
}

#[tokio::test]
async fn a_stream_that_is_cut_off_is_unavailable() {
    let (settings, seen) = service((begun, Closed)).await;
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    let mut client = Client::new(channel);
    let response = client.repeatable_server_stream(script("")).await;
    let mut replies = response.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(seen.calls.load(Relaxed), 1);
}

#[tokio::test]
async fn a_service_that_takes_leave_of_every_call_is_not_stormed() {
    let leaving: End = (|stream| goaway(stream - 2, NO_ERROR), Kept);
    let (settings, seen) = service_of(leaving, usize::MAX).await;
    let settings = Settings {
        call_timeout: Duration::from_secs(1),
        ..settings
    };
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    let client = Client::new(channel);
    let status = call(&client, Shape::Unary, "").await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let connections = seen.connections.load(Relaxed);
    // One each 100 ms, less a fifth, beside the first.
    assert!((3..=14).contains(&connections), "{connections}");
}
