//! Response streams, which live longer than their handlers.

use std::time::Duration;

use chassis::lifecycle::{Shutdown, State};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::support::{InProcess, connect, request};

#[tokio::test]
async fn the_drain_waits_for_a_stream_and_no_longer() {
    let server = InProcess::start(&[]).await;
    let mut client = server.stub().await;
    let response = client
        .server_stream(request("reply wait reply=3 fail"))
        .await;
    let mut stream = response.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().payload, "");
    server.waiting(1).await;

    let lifecycle = server.lifecycle.clone();
    server.release(1);
    let stopped = tokio::spawn(server.stop(Shutdown::Terminal));
    lifecycle.reached(State::Stopping).await;
    assert_eq!(stream.message().await.unwrap().unwrap().payload, "xxx");
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    stopped.await.unwrap();
}

#[tokio::test]
async fn the_callers_deadline_ends_a_stream() {
    let server = InProcess::start(&[]).await;
    let mut client = server.stub().await;
    let mut request = request("reply wait");
    // The header itself: the client's own timer would end the call before the server does.
    let timeout = "100m".parse().unwrap();
    request.metadata_mut().insert("grpc-timeout", timeout);
    let mut stream = client.server_stream(request).await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let status = stream.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    server.waiting(0).await;
}

#[tokio::test]
async fn the_services_deadline_does_not_end_a_stream() {
    let server = InProcess::start(&["--request-timeout", "20ms"]).await;
    let mut client = server.stub().await;
    let response = client
        .server_stream(request("reply sleep=100ms reply"))
        .await;
    let mut stream = response.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    stream.message().await.unwrap().unwrap();
    assert!(stream.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_stream_counts_as_a_request_in_flight_to_its_end() {
    let server = InProcess::start(&["--max-requests", "1"]).await;
    let mut client = server.stub().await;
    let response = client.server_stream(request("reply wait")).await;
    let mut stream = response.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    server.waiting(1).await;
    let status = client.unary(request("reply")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    server.release(1);
    assert!(stream.message().await.unwrap().is_none());
    client.unary(request("reply")).await.unwrap();
}

#[tokio::test]
async fn health_is_answered_under_overload_and_does_not_add_to_it() {
    let server = InProcess::start(&["--max-requests", "1"]).await;
    let mut client = server.stub().await;
    let mut health = HealthClient::new(connect(&server.address.to_string()).await);
    let watch = health.watch(HealthCheckRequest::default()).await.unwrap();
    let call = tokio::spawn({
        let mut client = client.clone();
        async move { client.unary(request("wait")).await }
    });
    server.waiting(1).await;
    health.check(HealthCheckRequest::default()).await.unwrap();
    let status = client.unary(request("reply")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    server.release(1);
    call.await.unwrap().unwrap();
    drop(watch);
}

#[tokio::test]
async fn a_reply_over_the_limit_is_resource_exhausted_in_a_stream_as_well() {
    let server = InProcess::start(&[]).await;
    let mut client = server.stub().await;
    let size = 4 * 1024 * 1024;
    let stream = client
        .server_stream(request(&format!("reply={size}")))
        .await;
    let mut stream = stream.unwrap().into_inner();
    let error = tokio::time::timeout(Duration::from_secs(20), stream.message()).await;
    let status = error.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
}
