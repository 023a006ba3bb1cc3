//! How long a call may take.

use std::time::Duration;

use chassis::{Channel, channel::Settings, context::Context};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::{Client, SHAPES, Shape, call};
use crate::{
    contract::SCRIPTED,
    support::{InProcess, request},
};

/// Much longer than anything here may take.
const AN_HOUR: Duration = Duration::from_hours(1);

const SHORT: Duration = Duration::from_millis(100);

/// A client of `server` with this call timeout.
async fn client(server: &InProcess, call_timeout: Duration) -> Client {
    let settings = Settings {
        call_timeout,
        ..server.upstream()
    };
    let channel = Channel::connect(&settings, SCRIPTED).await;
    Client::new(channel.unwrap())
}

/// The context of an RPC whose caller waits for so long.
fn caller_waits(time: Duration) -> Context {
    Context {
        deadline: Some(Instant::now() + time),
        ..Context::default()
    }
}

#[track_caller]
fn assert_late<T: std::fmt::Debug>(outcome: Result<T, Status>, case: impl std::fmt::Debug) {
    let status = outcome.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{case:?}: {status}");
}

#[tokio::test]
async fn a_call_ends_with_the_call_timeout() {
    let server = InProcess::start(&[]).await;
    let client = client(&server, SHORT).await;
    for shape in [Shape::Unary, Shape::ClientStream] {
        let start = Instant::now();
        assert_late(call(&client, shape, "wait").await, shape);
        assert!(start.elapsed() >= SHORT, "{shape:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{shape:?}");
        server.waiting(0).await;
    }
}

#[tokio::test]
async fn the_call_timeout_of_a_stream_of_replies_is_that_of_its_begin() {
    let server = InProcess::start(&[]).await;
    let mut client = client(&server, SHORT).await;
    let stream = client.server_stream(request("wait reply=3")).await;
    let mut replies = stream.unwrap().into_inner();
    // It has been silent for longer than the call may take to begin.
    server.release(1);
    let reply = replies.message().await.unwrap().unwrap();
    assert_eq!(reply.payload, "xxx");
}

#[tokio::test]
async fn the_call_timeout_of_a_stream_both_ways_is_that_of_its_begin() {
    let server = InProcess::start(&[]).await;
    let client = client(&server, SHORT).await;
    let shape = Shape::BidiStream;
    let begun = call(&client, shape, "sleep=300ms reply=3").await;
    assert_eq!(begun.unwrap().payload, "xxx");
}

#[tokio::test]
async fn the_callers_deadline_ends_a_stream_later_on() {
    let server = InProcess::start(&[]).await;
    let mut client = client(&server, AN_HOUR).await;
    let stream = caller_waits(SHORT * 3).scope(client.server_stream(request("reply wait")));
    let mut replies = stream.await.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    assert_late(replies.message().await, "wait");
    server.waiting(0).await;
}

#[tokio::test]
async fn the_callers_deadline_ends_calls_of_all_shapes() {
    let server = InProcess::start(&[]).await;
    let client = client(&server, AN_HOUR).await;
    for shape in SHAPES {
        let called = caller_waits(SHORT).scope(call(&client, shape, "wait"));
        assert_late(called.await, shape);
    }
}

#[tokio::test]
async fn a_call_may_ask_for_more_time_or_less() {
    let server = InProcess::start(&[]).await;
    let mut hasty = client(&server, SHORT).await;
    let mut patient = request("sleep=300ms reply");
    patient.set_timeout(AN_HOUR);
    hasty.unary(patient).await.unwrap();

    let mut lazy = client(&server, AN_HOUR).await;
    let mut impatient = request("wait");
    impatient.set_timeout(SHORT);
    assert_late(lazy.unary(impatient).await, "less");
}

#[tokio::test]
async fn a_stream_that_asks_for_a_time_ends_with_it() {
    let server = InProcess::start(&[]).await;
    let mut client = client(&server, AN_HOUR).await;
    let mut request = request("reply wait");
    request.set_timeout(SHORT * 3);
    let response = client.server_stream(request).await;
    let mut replies = response.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    assert_late(replies.message().await, "wait");
}

#[tokio::test]
async fn a_call_gets_no_more_time_than_its_caller_has() {
    let mut server = InProcess::start(&[]).await;
    let mut client = client(&server, AN_HOUR).await;
    let mut patient = request("wait");
    patient.set_timeout(AN_HOUR);
    let called = caller_waits(SHORT).scope(client.unary(patient));
    assert_late(called.await, "caller");
    let seen = server.call().await;
    let told = seen.get("grpc-timeout").unwrap().to_str().unwrap();
    assert!(told.ends_with('n') || told.ends_with('u'), "{told}");
}
