//! A service that speaks HTTP/2 by hand: no server can be made to end a call in all
//! these ways.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use chassis::{
    channel::Settings,
    testing::http2::{ACK, END_HEADERS, END_STREAM, HEADERS, SETTINGS, frame},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// NOT_FOUND: an answer that the client has no reason to ask for again.
const ANSWER: &[u8] = b"\x88\x0f\x10\x10application/grpc\x00\x0bgrpc-status\x015";

/// How a call ends: with bytes for its stream, and then perhaps its connection.
pub type End = (fn(u32) -> Vec<u8>, Connection);

#[derive(Clone, Copy, PartialEq)]
pub enum Connection {
    Kept,
    Closed,
}

/// What a service has seen.
#[derive(Default)]
pub struct Seen {
    pub connections: AtomicUsize,
    pub calls: AtomicUsize,
}

/// A service that ends its first call so, and answers the others.
pub async fn service(end: End) -> (Settings, Arc<Seen>) {
    service_of(end, 1).await
}

/// A service that ends so many calls so, and answers the others.
pub async fn service_of(end: End, ends: usize) -> (Settings, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Seen::default());
    let counted = seen.clone();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            counted.connections.fetch_add(1, Relaxed);
            tokio::spawn(serve(tcp, end, ends, counted.clone()));
        }
    });
    (Settings::new("127.0.0.1", port), seen)
}

async fn serve(
    mut tcp: TcpStream,
    (end, then): End,
    ends: usize,
    seen: Arc<Seen>,
) -> io::Result<()> {
    let mut preface = [0; 24];
    tcp.read_exact(&mut preface).await?;
    tcp.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        tcp.read_exact(&mut head).await?;
        let [_, high, low, kind, flags, stream @ ..] = head;
        let stream = u32::from_be_bytes(stream);
        let mut payload = vec![0; u16::from_be_bytes([high, low]).into()];
        tcp.read_exact(&mut payload).await?;
        match kind {
            SETTINGS if flags == 0 => tcp.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            // The first stream of a connection is the client's look at its health.
            HEADERS if stream > 1 && seen.calls.fetch_add(1, Relaxed) < ends => {
                tcp.write_all(&end(stream)).await?;
                if then == Connection::Closed {
                    return Ok(());
                }
            }
            HEADERS => {
                let answer = frame(HEADERS, END_HEADERS | END_STREAM, stream, ANSWER);
                tcp.write_all(&answer).await?;
            }
            _ => {}
        }
    }
}
