//! A service that passes calls on to another one.

use chassis::testing::Child;
use tonic::{Code, Request, Status, service::interceptor::InterceptedService};

use crate::{
    contract::call,
    support::{channel, command, running},
};

/// A service in front of `upstream`.
fn in_front_of(upstream: &Child) -> Child {
    let port = upstream.port().to_string();
    running(&[
        "--loglevel=0",
        "--client-ip=127.0.0.1",
        "--client-port",
        &port,
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_as_long_as_its_upstream_does() {
    let last = running(&[]);
    let first = in_front_of(&last);
    let channel = channel(&first.address()).await;
    call(channel.clone()).await.unwrap();
    drop(last);
    let error = call(channel).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().starts_with("upstream: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn request_id_and_trace_go_on_in_the_upstream() {
    let mut last = running(&["--loglevel", "0"]);
    let first = in_front_of(&last);
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let trace = format!("00-{trace_id}-00f067aa0ba902b7-01");
    let as_part_of_it = move |mut request: Request<()>| -> Result<_, Status> {
        for (name, value) in [("x-request-id", "order-7"), ("traceparent", &trace)] {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
        Ok(request)
    };
    let channel = channel(&first.address()).await;
    call(InterceptedService::new(channel, as_part_of_it))
        .await
        .unwrap();
    let line = last.wait_for("request_id=order-7");
    assert!(line.contains(trace_id), "{line}");
}

#[test]
fn an_upstream_that_is_not_there_ends_the_start() {
    let nobody = [
        "--client-ip=127.0.0.1",
        "--client-port=1",
        "--client-attempts=1",
    ];
    let (status, log) = Child::spawn(command().args(nobody)).wait();
    assert_eq!(status.code(), Some(1));
    let expected = "ERROR upstream: can't connect to 127.0.0.1:1 (1 attempts): ";
    assert!(log.iter().any(|line| line.contains(expected)), "{log:#?}");
}
