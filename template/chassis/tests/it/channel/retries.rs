//! When a call is made again.

use std::time::{Duration, Instant};

use tonic::{Code, Status};

use super::{Client, Shape, call, call_repeatable};
use crate::support::{InProcess, request};

/// Those that have a method that may be called again.
const SHAPES: [Shape; 3] = [Shape::Unary, Shape::ServerStream, Shape::ClientStream];

/// What attempts say of those before them.
fn previous_attempts(server: &mut InProcess) -> Vec<Option<String>> {
    let calls = server.calls().into_iter();
    let previous = calls.map(|call| {
        let before = call.get("grpc-previous-rpc-attempts")?;
        Some(before.to_str().unwrap().into())
    });
    previous.collect()
}

#[tokio::test]
async fn a_call_that_fails_twice_succeeds_at_the_third_attempt() {
    let mut server = InProcess::start(&[]).await;
    for shape in SHAPES {
        // Two failures of one method must not count for the next.
        let client = Client::new(server.channel().await);
        let start = Instant::now();
        let reply = call_repeatable(&client, shape, "down=2 name").await;
        assert_eq!(reply.unwrap().payload, "scripted", "{shape:?}");
        // 100 ms and 200 ms, less a fifth.
        assert!(start.elapsed() >= Duration::from_millis(240), "{shape:?}");
        let attempts = previous_attempts(&mut server);
        let expected = [None, Some("1".into()), Some("2".into())];
        assert_eq!(attempts, expected, "{shape:?}");
    }
}

#[tokio::test]
async fn a_call_that_may_do_harm_is_made_once() {
    let mut server = InProcess::start(&[]).await;
    for shape in super::SHAPES {
        let client = Client::new(server.channel().await);
        let status = call(&client, shape, "down=1").await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{shape:?}");
        assert_eq!(server.calls().len(), 1, "{shape:?}");
    }
}

#[tokio::test]
async fn without_a_contract_every_call_may_do_harm() {
    let mut server = InProcess::start(&[]).await;
    let channel = chassis::Channel::connect(&server.upstream(), &[]).await;
    let client = Client::new(channel.unwrap());
    for shape in SHAPES {
        let outcome = call_repeatable(&client, shape, "down=1 name").await;
        assert_eq!(outcome.unwrap_err().code(), Code::Unavailable, "{shape:?}");
        assert_eq!(server.calls().len(), 1, "{shape:?}");
    }
}

#[tokio::test]
async fn retries_cease_when_they_never_help_and_return_with_success() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::new(server.channel().await);
    let fail = async || -> Status {
        let outcome = call_repeatable(&client, Shape::Unary, "fail=Unavailable").await;
        outcome.unwrap_err()
    };
    let mut counts = Vec::new();
    for _ in 0..3 {
        let status = fail().await;
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unavailable, "as the script says")
        );
        counts.push(server.calls().len());
    }
    assert_eq!(counts, [4, 1, 1]);

    // Six failures took 60 of 100 tokens; the next may be tried again if more than 50 are left.
    for _ in 0..21 {
        let up = call_repeatable(&client, Shape::Unary, "reply").await;
        up.unwrap();
    }
    server.calls();
    fail().await;
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn an_error_that_is_an_answer_is_not_tried_again() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::new(server.channel().await);
    for shape in SHAPES {
        let outcome = call_repeatable(&client, shape, "fail=NotFound").await;
        assert_eq!(outcome.unwrap_err().code(), Code::NotFound, "{shape:?}");
        assert_eq!(server.calls().len(), 1, "{shape:?}");
    }
}

#[tokio::test]
async fn a_stream_that_has_begun_is_not_tried_again() {
    let mut server = InProcess::start(&[]).await;
    let mut client = Client::new(server.channel().await);
    let begun = client.repeatable_server_stream(request("reply=3 down=1"));
    let mut replies = begun.await.unwrap().into_inner();
    let first = replies.message().await.unwrap().unwrap();
    assert_eq!(first.payload, "xxx");
    let status = replies.message().await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "down")
    );
    assert_eq!(server.calls().len(), 1);
}
