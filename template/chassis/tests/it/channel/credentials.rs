//! What calls show of their caller.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use chassis::{
    Channel,
    channel::{Credentials, Settings},
};
use tokio::task::yield_now;
use tonic::{Code, Status, metadata::MetadataMap};

use super::{Client, SHAPES, Shape, call, call_repeatable};
use crate::{contract::SCRIPTED, support::InProcess};

/// A token for each method that takes a moment, and how many were asked for.
#[derive(Clone, Default)]
struct Tokens(Arc<AtomicU32>);

#[tonic::async_trait]
impl Credentials for Tokens {
    async fn add(&self, method: &str, metadata: &mut MetadataMap) -> Result<(), Status> {
        yield_now().await;
        self.0.fetch_add(1, Relaxed);
        let token = format!("Token for {method}").parse().unwrap();
        metadata.insert("authorization", token);
        Ok(())
    }
}

#[tokio::test]
async fn calls_of_all_shapes_show_them() {
    let mut server = InProcess::start(&[]).await;
    let channel = server.channel().await;
    let client = Client::new(channel.with_credentials(Tokens::default()));
    for shape in SHAPES {
        call(&client, shape, "reply").await.unwrap();
        let seen = server.call().await;
        let expected = format!("Token for /test.v1.Scripted/{shape:?}");
        assert_eq!(seen.get("authorization").unwrap(), &*expected);
    }
    let plain = Client::new(channel);
    call(&plain, Shape::Unary, "reply").await.unwrap();
    assert!(server.call().await.get("authorization").is_none());
}

#[tokio::test]
async fn a_call_that_is_made_again_shows_the_same_ones() {
    let mut server = InProcess::start(&[]).await;
    let tokens = Tokens::default();
    let channel = server.channel().await;
    let client = Client::new(channel.with_credentials(tokens.clone()));
    let reply = call_repeatable(&client, Shape::Unary, "down=2 reply").await;
    reply.unwrap();
    assert_eq!(tokens.0.load(Relaxed), 1);
    let calls = server.calls();
    let shown = calls
        .iter()
        .filter(|call| call.get("authorization").is_some());
    assert_eq!(shown.count(), 3);
}

struct Nobody;

#[tonic::async_trait]
impl Credentials for Nobody {
    async fn add(&self, _: &str, _: &mut MetadataMap) -> Result<(), Status> {
        Err(Status::unauthenticated("nobody has logged in"))
    }
}

#[tokio::test]
async fn without_them_a_call_is_not_made() {
    let mut server = InProcess::start(&[]).await;
    let channel = server.channel().await.with_credentials(Nobody);
    let client = Client::new(channel);
    for shape in SHAPES {
        let status = call(&client, shape, "reply").await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unauthenticated, "nobody has logged in"),
            "{shape:?}"
        );
    }
    assert_eq!(server.calls().len(), 0);
}

struct Never;

#[tonic::async_trait]
impl Credentials for Never {
    async fn add(&self, _: &str, _: &mut MetadataMap) -> Result<(), Status> {
        pending().await
    }
}

#[tokio::test]
async fn they_are_waited_for_as_long_as_the_call_may_take() {
    let mut server = InProcess::start(&[]).await;
    let settings = Settings {
        call_timeout: Duration::from_millis(100),
        ..server.upstream()
    };
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    let client = Client::new(channel.with_credentials(Never));
    for shape in SHAPES {
        let status = call(&client, shape, "reply").await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{shape:?}");
    }
    assert_eq!(server.calls().len(), 0);
}
