//! What a call passes on of the RPC that it is made for.

use std::{sync::Arc, time::Duration};

use chassis::context::{Context, Trace};
use tokio::time::Instant;
use tonic::metadata::MetadataMap;

use super::{Client, SHAPES, Shape, call};
use crate::support::{InProcess, request};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// That of an RPC whose caller waits for five seconds more.
fn context() -> Context {
    let mut trace = Trace::new("order-7".parse().unwrap(), TRACEPARENT.parse().unwrap());
    trace.tracestate = Some("vendor=1".parse().unwrap());
    Context {
        deadline: Some(Instant::now() + Duration::from_secs(5)),
        trace: Some(Arc::new(trace)),
        ..Context::default()
    }
}

fn text<'a>(metadata: &'a MetadataMap, name: &str) -> &'a str {
    metadata.get(name).unwrap().to_str().unwrap()
}

/// Fails unless `call` has it all.
#[track_caller]
fn assert_passed_on(call: &MetadataMap, shape: Shape) {
    let ids = ["x-request-id", "traceparent", "tracestate"].map(|name| text(call, name));
    assert_eq!(ids, ["order-7", TRACEPARENT, "vendor=1"], "{shape:?}");
    let timeout = text(call, "grpc-timeout").strip_suffix('u').unwrap();
    let left = Duration::from_micros(timeout.parse().unwrap());
    assert!(left <= Duration::from_secs(5), "{shape:?}: {left:?}");
    assert!(left > Duration::from_secs(1), "{shape:?}: {left:?}");
}

#[tokio::test]
async fn a_call_passes_on_what_is_left_of_the_time_and_whose_it_is() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::new(server.channel().await);
    for shape in SHAPES {
        let called = context().scope(call(&client, shape, "reply"));
        called.await.unwrap();
        assert_passed_on(&server.call().await, shape);
    }
}

#[tokio::test]
async fn a_task_passes_it_on_if_it_is_told_to() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::new(server.channel().await);
    for shape in SHAPES {
        let handler = async {
            let client = client.clone();
            let told = async move { call(&client, shape, "reply").await };
            tokio::spawn(Context::current().scope(told)).await
        };
        context().scope(handler).await.unwrap().unwrap();
        assert_passed_on(&server.call().await, shape);

        let handler = async {
            let client = client.clone();
            tokio::spawn(async move { call(&client, shape, "reply").await }).await
        };
        context().scope(handler).await.unwrap().unwrap();
        let seen = server.call().await;
        assert!(seen.get("x-request-id").is_none(), "{shape:?}: {seen:?}");
    }
}

#[tokio::test]
async fn it_is_the_context_in_which_the_call_was_made_wherever_it_is_awaited() {
    let mut server = InProcess::start(&[]).await;
    let channel = server.channel().await;
    let called = context().sync_scope(|| {
        let mut channel = channel.clone();
        let body = tonic::body::Body::default();
        let uri = "http://localhost/test.v1.Scripted/BidiStream";
        let request = hyper::Request::post(uri).header("content-type", "application/grpc");
        let request = request.body(body).unwrap();
        tonic::codegen::Service::call(&mut channel, request)
    });
    tokio::spawn(called).await.unwrap().unwrap();
    assert_passed_on(&server.call().await, Shape::BidiStream);
}

#[tokio::test]
async fn what_the_call_says_itself_is_left_alone() {
    let mut server = InProcess::start(&[]).await;
    let mut client = Client::new(server.channel().await);
    let mut request = request("reply");
    let own = "order-8".parse().unwrap();
    request.metadata_mut().insert("x-request-id", own);
    context().scope(client.unary(request)).await.unwrap();
    let seen = server.call().await;
    assert_eq!(text(&seen, "x-request-id"), "order-8");
    assert_eq!(text(&seen, "traceparent"), TRACEPARENT);
}

#[tokio::test]
async fn a_call_for_nobody_passes_nothing_on() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::new(server.channel().await);
    for shape in SHAPES {
        call(&client, shape, "reply").await.unwrap();
        let seen = server.call().await;
        for name in ["x-request-id", "traceparent", "tracestate"] {
            assert!(seen.get(name).is_none(), "{shape:?}: {seen:?}");
        }
    }
}
