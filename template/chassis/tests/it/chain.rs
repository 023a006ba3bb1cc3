//! Services that call each other.

use std::time::Duration;

use tonic::{
    Code, Request,
    codegen::tokio_stream::{self, StreamExt},
};

use crate::support::{InProcess, echo, in_front_of, request, running, script, stub};

#[tokio::test(flavor = "multi_thread")]
async fn three_in_a_chain_answer() {
    let last = running(&[]);
    let middle = in_front_of(last.port(), &["--drain-delay", "0s"]);
    let first = in_front_of(middle.port(), &[]);
    let answer = echo(&first.address(), "pass it on").await;
    assert_eq!(answer.unwrap(), "pass it on");

    let upstream = format!("localhost:{}", last.port());
    drop(last);
    let status = echo(&first.address(), "nobody there").await.unwrap_err();
    let message = status.message();
    assert!(message.starts_with("upstream: upstream: "), "{message}");

    middle.signal("TERM");
    let (_, log) = middle.wait();
    let mut log = log.iter();
    for step in [
        format!("INFO  Initialize connection to {upstream}"),
        "INFO  Setup connection options (without TLS)".into(),
        format!("INFO  Connect to {upstream}"),
        format!("INFO  Successfully connected to {upstream}!"),
        "STATE Started".into(),
    ] {
        assert!(log.any(|line| line.contains(&step)), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_go_through_services_as_calls_do() {
    let mut last = InProcess::start(&[]).await;
    let middle = in_front_of(last.address.port(), &[]);
    let first = in_front_of(middle.port(), &[]);
    let mut stub = stub(&first.address()).await;
    let traced = |id: &str| {
        let mut scripts = Request::new(tokio_stream::iter([script("reply"), script("name")]));
        let metadata = scripts.metadata_mut();
        metadata.insert("x-request-id", id.parse().unwrap());
        scripts
    };
    let reply = stub.client_stream(traced("up")).await.unwrap().into_inner();
    assert_eq!((&*reply.payload, reply.scripts), ("scripted", 2));
    assert_eq!(last.call().await.get("x-request-id").unwrap(), "up");

    let response = stub.bidi_stream(traced("both-ways")).await;
    let replies: Vec<_> = response.unwrap().into_inner().collect().await;
    let payloads = replies.into_iter().map(|reply| reply.unwrap().payload);
    assert_eq!(payloads.collect::<Vec<_>>(), ["", "scripted"]);
    assert_eq!(last.call().await.get("x-request-id").unwrap(), "both-ways");

    let response = stub.server_stream(request("reply wait fail=Aborted")).await;
    let mut replies = response.unwrap().into_inner();
    // It is there before the next one is.
    replies.message().await.unwrap().unwrap();
    last.waiting(1).await;
    last.release(1);
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(status.message(), "upstream: upstream: as the script says");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_caller_goes_away_ends_in_all_services() {
    let last = InProcess::start(&[]).await;
    let middle = in_front_of(last.address.port(), &[]);
    let first = in_front_of(middle.port(), &[]);
    let mut stub = stub(&first.address()).await;
    let response = stub.server_stream(request("reply wait")).await;
    let mut replies = response.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    last.waiting(1).await;
    drop(replies);
    last.waiting(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_three_has_what_is_left_of_the_callers_time() {
    let mut last = InProcess::start(&[]).await;
    let patient = ["--client-timeout", "1h", "--request-timeout", "1h"];
    let middle = in_front_of(last.address.port(), &patient);
    let first = in_front_of(middle.port(), &patient);

    let mut request = request("reply");
    request.set_timeout(Duration::from_secs(20));
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", "order-7".parse().unwrap());
    stub(&first.address()).await.unary(request).await.unwrap();
    let seen = last.call().await;
    assert_eq!(seen.get("x-request-id").unwrap(), "order-7");
    let left = seen.get("grpc-timeout").unwrap().to_str().unwrap();
    let left: u64 = left.strip_suffix('u').unwrap().parse().unwrap();
    assert!((1..20_000_000).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_trace_goes_on_upstream() {
    let mut last = InProcess::start(&[]).await;
    let first = in_front_of(last.address.port(), &[]);
    let mut stub = stub(&first.address()).await;
    let mut seen_upstream = async |traceparent: &str| {
        let mut request = request("reply");
        let metadata = request.metadata_mut();
        metadata.insert("traceparent", traceparent.parse().unwrap());
        metadata.append("tracestate", "rojo=00f067aa0ba902b7".parse().unwrap());
        metadata.append("tracestate", "congo=t61rcWkgMzE".parse().unwrap());
        stub.unary(request).await.unwrap();
        let seen = last.call().await;
        let text = |name| seen.get(name).map_or("none", |it| it.to_str().unwrap());
        [text("traceparent"), text("tracestate")].map(String::from)
    };
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let [traceparent, tracestate] = seen_upstream(trace).await;
    assert_eq!(traceparent[..36], trace[..36]);
    assert_ne!(traceparent[36..52], trace[36..52], "a span of its own");
    assert_eq!(tracestate, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");

    let [traceparent, tracestate] = seen_upstream("nonsense").await;
    assert!(traceparent.starts_with("00-"), "{traceparent}");
    assert_eq!(tracestate, "none");
}
