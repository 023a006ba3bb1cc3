//! Connections that break, or are none.

use std::{
    future::pending,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use chassis::{Channel, channel::Settings, lifecycle::Shutdown, testing::PATIENCE};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tonic::{Code, Response, Status, codegen::tokio_stream::wrappers::ReceiverStream};

use super::{Client, SHAPES, Shape, call};
use crate::{
    contract::{Reply, SCRIPTED},
    support::{InProcess, request, script},
};

#[tokio::test]
async fn calls_of_all_shapes_are_answered() {
    let server = InProcess::start(&[]).await;
    let client = Client::new(server.channel().await);
    for shape in SHAPES {
        let reply = call(&client, shape, "name").await.unwrap();
        assert_eq!((&*reply.payload, reply.scripts), ("scripted", 1));
    }
}

#[tokio::test]
async fn a_channel_outlives_a_restart_of_the_service() {
    // An address of its own: nobody takes its port meanwhile.
    let first = InProcess::named(([127, 0, 0, 4], 0).into(), "first").await;
    let address = first.address;
    let client = Client::new(first.channel().await);
    let name = async || call(&client, Shape::Unary, "name").await;
    assert_eq!(name().await.unwrap().payload, "first");
    first.stop(Shutdown::Terminal).await;
    let status = name().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("Connection refused"), "{status}");
    let _second = InProcess::named(address, "second").await;
    assert_eq!(name().await.unwrap().payload, "second");
}

#[tokio::test]
async fn a_server_that_does_not_speak_grpc_is_no_success() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It accepts, and says nothing.
    let settings = Settings {
        attempts: 2,
        connect_timeout: Duration::from_millis(50),
        ..Settings::new("127.0.0.1", address.port())
    };
    let error = Channel::connect(&settings, &[]).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("can't connect to {address} (2 attempts): no answer within 50ms")
    );
}

/// The way to a server: connections made before it is cut go on, and nothing gets through.
struct Way {
    address: SocketAddr,
    cut: watch::Sender<bool>,
    /// Connections made so far.
    made: Arc<AtomicUsize>,
}

impl Way {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Self {
            address: listener.local_addr().unwrap(),
            cut: watch::Sender::new(false),
            made: Arc::default(),
        };
        let (cut, made) = (way.cut.clone(), way.made.clone());
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                made.fetch_add(1, Relaxed);
                let mut far = TcpStream::connect(server).await.unwrap();
                let mut cut = cut.subscribe();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = cut.changed() => pending::<()>().await,
                    }
                });
            }
        });
        way
    }

    async fn channel(&self) -> Channel {
        let settings = Settings {
            connect_timeout: Duration::from_millis(500),
            ..Settings::new("127.0.0.1", self.address.port())
        };
        Channel::connect(&settings, SCRIPTED).await.unwrap()
    }
}

/// What it has to say within a tenth of a second.
async fn soon(client: &Client, words: &str) -> Result<Reply, Status> {
    let mut request = request(words);
    request.set_timeout(Duration::from_millis(100));
    client
        .clone()
        .unary(request)
        .await
        .map(Response::into_inner)
}

#[tokio::test]
async fn a_connection_on_which_nothing_gets_through_is_made_again() {
    let server = InProcess::start(&[]).await;
    let way = Way::to(server.address).await;
    let client = Client::new(way.channel().await);
    soon(&client, "name").await.unwrap();
    way.cut.send(true).unwrap();
    let answered = timeout(PATIENCE, async {
        let mut unanswered = 0;
        while let Err(status) = soon(&client, "name").await {
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
            unanswered += 1;
        }
        unanswered
    });
    assert!(answered.await.expect("an answer") > 0);
    assert_eq!(way.made.load(Relaxed), 2);
}

#[tokio::test]
async fn a_service_that_is_slow_is_not_connected_to_again() {
    let server = InProcess::start(&[]).await;
    let way = Way::to(server.address).await;
    let client = Client::new(way.channel().await);
    let end = Instant::now() + Duration::from_secs(1);
    while Instant::now() < end {
        let status = soon(&client, "wait").await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
    }
    soon(&client, "name").await.unwrap();
    assert_eq!(way.made.load(Relaxed), 1);
}

#[tokio::test]
async fn a_stream_whose_connection_is_lost_is_unavailable() {
    let server = InProcess::start(&["--drain-timeout", "0s"]).await;
    let mut client = Client::new(server.channel().await);
    let response = client.server_stream(request("reply wait")).await;
    let mut replies = response.unwrap().into_inner();
    replies.message().await.unwrap().unwrap();
    server.waiting(1).await;
    server.stop(Shutdown::Terminal).await;
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert!(
        status.message().starts_with("connection lost: "),
        "{status}"
    );
}

#[tokio::test]
async fn a_stream_both_ways_is_there_before_either_side_has_said_anything() {
    let server = InProcess::start(&[]).await;
    let mut client = Client::new(server.channel().await);
    let (sender, scripts) = mpsc::channel(1);
    let response = client.bidi_stream(ReceiverStream::new(scripts)).await;
    let mut replies = response.unwrap().into_inner();
    for n in 1..4 {
        sender.send(script("name")).await.unwrap();
        let reply = replies.message().await.unwrap().unwrap();
        assert_eq!((&*reply.payload, reply.scripts), ("scripted", n));
    }
    drop(sender);
    assert!(replies.message().await.unwrap().is_none());
}
