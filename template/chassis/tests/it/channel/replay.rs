//! Requests that are sent again: those that are still there.

use tokio::sync::mpsc;
use tonic::{
    Code,
    codegen::tokio_stream::{self, wrappers::ReceiverStream},
};

use super::Client;
use crate::{
    contract::Script,
    support::{InProcess, echoing, script},
};

const MEBIBYTE: usize = 1024 * 1024;

/// So many scripts of a mebibyte each, and one that fails at the first attempt.
fn scripts(mebibytes: usize) -> Vec<Script> {
    let mut scripts = vec![echoing(&"x".repeat(MEBIBYTE)); mebibytes];
    scripts.push(script("down=1 name"));
    scripts
}

#[tokio::test]
async fn a_client_stream_is_sent_again_while_it_is_small() {
    let mut server = InProcess::start(&[]).await;
    let mut client = Client::new(server.channel().await);
    let scripts = tokio_stream::iter(scripts(3));
    let reply = client.repeatable_client_stream(scripts).await;
    let reply = reply.unwrap().into_inner();
    assert_eq!((&*reply.payload, reply.scripts), ("scripted", 4));
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn a_client_stream_is_sent_once_when_it_has_become_large() {
    let mut server = InProcess::start(&[]).await;
    let mut client = Client::new(server.channel().await);
    let scripts = tokio_stream::iter(scripts(4));
    let status = client.repeatable_client_stream(scripts).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "down")
    );
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn a_unary_call_of_the_largest_size_is_sent_again() {
    let mut server = InProcess::start(&[]).await;
    let mut client = Client::new(server.channel().await);
    // Five bytes for its length, and eleven for "down=1 echo" after two of their own.
    let largest = Script {
        payload: "x".repeat(4 * MEBIBYTE - 5 - 2 - 11),
        ..script("down=1 echo")
    };
    // The reply is smaller than the request, as its words are not in it.
    let size = largest.payload.len();
    let reply = client.repeatable_unary(largest).await.unwrap();
    assert_eq!(reply.into_inner().payload.len(), size);
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn a_client_stream_goes_on_in_the_attempt_that_is_under_way() {
    let mut server = InProcess::start(&[]).await;
    let mut client = Client::new(server.channel().await);
    let (sender, scripts) = mpsc::channel(1);
    sender.send(script("down=1")).await.unwrap();
    let scripts = ReceiverStream::new(scripts);
    let call = tokio::spawn(async move { client.repeatable_client_stream(scripts).await });
    // The second attempt, with what the first one had sent.
    server.call().await;
    server.call().await;
    sender.send(script("name")).await.unwrap();
    drop(sender);
    let reply = call.await.unwrap().unwrap().into_inner();
    assert_eq!((&*reply.payload, reply.scripts), ("scripted", 2));
    assert_eq!(server.calls().len(), 0);
}
