//! What Prometheus is told of calls, by the program that makes them.

use chassis::testing::{Child, PATIENCE};
use tokio::time::timeout;
use tonic::Code;

use crate::support::{InProcess, SERVICE, echo, http::metric, in_front_of, request, stub};

/// A program that passes calls on to `upstream`, and tells of them.
fn counting(upstream: &InProcess, flags: &[&str]) -> Child {
    let flags = [&["--admin-port", "0"], flags].concat();
    in_front_of(upstream.address.port(), &flags)
}

/// The value of a metric of calls of a method.
async fn calls(admin: &str, name: &str, [method, kind]: [&str; 2], code: &str) -> Option<f64> {
    let code = match code {
        "" => String::new(),
        code => format!(r#",grpc_code="{code}""#),
    };
    let labels =
        format!(r#"grpc_service="{SERVICE}",grpc_method="{method}",grpc_type="{kind}"{code}"#);
    let name = ["grpc_client_", name, "{", &labels, "}"].concat();
    metric(admin, &name).await
}

/// Resolves when it is `expected`: what has ended is counted when it is dropped.
async fn come_to(admin: &str, name: &str, method: [&str; 2], code: &str, expected: f64) {
    let counted = async { while calls(admin, name, method, code).await != Some(expected) {} };
    let outcome = timeout(PATIENCE, counted).await;
    outcome.unwrap_or_else(|_| panic!("never {expected} {name} of {method:?} {code}"));
}

const UNARY: [&str; 2] = ["Unary", "unary"];
const SERVER_STREAM: [&str; 2] = ["ServerStream", "server_stream"];
const REPEATABLE: [&str; 2] = ["RepeatableUnary", "unary"];

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_counted_by_method_and_code_from_zero_on() {
    let upstream = InProcess::start(&[]).await;
    let mut child = counting(&upstream, &[]);
    let admin = child.admin();
    let counts = async || {
        [
            calls(&admin, "started_total", UNARY, "").await,
            calls(&admin, "handled_total", UNARY, "OK").await,
            calls(&admin, "handled_total", UNARY, "NotFound").await,
            calls(&admin, "handling_seconds_count", UNARY, "").await,
            calls(&admin, "in_flight", UNARY, "").await,
        ]
    };
    assert_eq!(counts().await, [Some(0.0); 5]);
    echo(&child.address(), "").await.unwrap();
    assert_eq!(counts().await, [1.0, 1.0, 0.0, 1.0, 0.0].map(Some));
    let mut stub = stub(&child.address()).await;
    let status = stub.unary(request("fail=NotFound")).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(counts().await, [2.0, 1.0, 1.0, 2.0, 0.0].map(Some));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_counts_as_one_however_often_it_is_tried() {
    let upstream = InProcess::start(&[]).await;
    let mut child = counting(&upstream, &[]);
    let admin = child.admin();
    let mut stub = stub(&child.address()).await;
    let reply = stub.repeatable_unary(request("down=2 reply")).await;
    reply.unwrap();
    assert_eq!(
        calls(&admin, "started_total", REPEATABLE, "").await,
        Some(1.0)
    );
    let handled = async |code| calls(&admin, "handled_total", REPEATABLE, code).await;
    assert_eq!(
        [handled("OK").await, handled("Unavailable").await],
        [Some(1.0), Some(0.0)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_one_of_the_deadline() {
    let upstream = InProcess::start(&[]).await;
    let mut child = counting(&upstream, &["--client-timeout", "100ms"]);
    let admin = child.admin();
    let mut stub = stub(&child.address()).await;
    let status = stub.unary(request("wait")).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let late = calls(&admin, "handled_total", UNARY, "DeadlineExceeded").await;
    assert_eq!(late, Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_caller_goes_away_is_canceled() {
    let upstream = InProcess::start(&[]).await;
    let mut child = counting(&upstream, &[]);
    let admin = child.admin();
    for method in [UNARY, SERVER_STREAM] {
        let mut stub = stub(&child.address()).await;
        let call = tokio::spawn(async move {
            if method == UNARY {
                return drop(stub.unary(request("wait")).await);
            }
            let response = stub.server_stream(request("reply wait")).await;
            let mut replies = response.unwrap().into_inner();
            while replies.message().await.is_ok() {}
        });
        upstream.waiting(1).await;
        assert_eq!(calls(&admin, "in_flight", method, "").await, Some(1.0));
        call.abort();
        upstream.waiting(0).await;
        come_to(&admin, "handled_total", method, "Canceled", 1.0).await;
        come_to(&admin, "in_flight", method, "", 0.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_a_stream_is_that_of_its_end() {
    let upstream = InProcess::start(&[]).await;
    let mut child = counting(&upstream, &[]);
    let admin = child.admin();
    let mut stub = stub(&child.address()).await;
    let response = stub.server_stream(request("reply wait fail=Aborted")).await;
    let mut replies = response.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    upstream.waiting(1).await;
    let aborted = async || calls(&admin, "handled_total", SERVER_STREAM, "Aborted").await;
    assert_eq!(aborted().await, Some(0.0));
    upstream.release(1);
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    come_to(&admin, "handled_total", SERVER_STREAM, "Aborted", 1.0).await;
}
