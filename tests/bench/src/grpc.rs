//! Another client, for what the one in `http2` is too simple for: streams, and large messages.
//! It is h2, with as much room for replies as the protocol allows.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use h2::{
    RecvStream,
    client::{self, SendRequest},
};
use http::{Request, Uri};
use tokio::task::JoinHandle;

use crate::wire;

/// As much as the protocol allows.
const WINDOW: u32 = (1 << 31) - 1;

/// A connection, which ends with this.
pub struct Client {
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
    uri: Uri,
}

/// What comes back: messages, one after the other.
pub struct Reply {
    body: RecvStream,
    received: BytesMut,
}

impl Client {
    /// Connects to `port`, to call what is at `path`.
    pub async fn connect(port: u16, path: &str) -> io::Result<Self> {
        let wire = wire::connect(port, None).await?;
        let (requests, connection) = client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .handshake(wire)
            .await
            .map_err(io::Error::other)?;
        Ok(Self {
            requests,
            connection: tokio::spawn(connection),
            uri: format!("http://localhost:{port}{path}")
                .parse()
                .map_err(io::Error::other)?,
        })
    }

    /// Sends one message, and returns the reply when its head is there.
    pub async fn call(&self, message: Bytes) -> io::Result<Reply> {
        let request = Request::post(self.uri.clone())
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(io::Error::other)?;
        let requests = self.requests.clone().ready().await;
        let (response, mut stream) = requests
            .and_then(|mut requests| requests.send_request(request, false))
            .map_err(io::Error::other)?;
        stream.send_data(message, true).map_err(io::Error::other)?;
        let response = response.await.map_err(io::Error::other)?;
        Ok(Reply {
            body: response.into_body(),
            received: BytesMut::new(),
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Reply {
    /// The next message; none at the end of an RPC that went well.
    pub async fn message(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(head) = self.received.first_chunk::<5>() {
                let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
                if self.received.len() >= 5 + length {
                    self.received.advance(5);
                    return Ok(Some(self.received.split_to(length).freeze()));
                }
            }
            match self.body.data().await {
                Some(data) => {
                    let data = data.map_err(io::Error::other)?;
                    let flow = self.body.flow_control();
                    flow.release_capacity(data.len())
                        .map_err(io::Error::other)?;
                    self.received.extend_from_slice(&data);
                }
                None => return self.end().await,
            }
        }
    }

    async fn end(&mut self) -> io::Result<Option<Bytes>> {
        let trailers = self.body.trailers().await.map_err(io::Error::other)?;
        let status = trailers.as_ref().and_then(|it| it.get("grpc-status"));
        match status {
            Some(status) if status == "0" && self.received.is_empty() => Ok(None),
            status => Err(io::Error::other(format!("an RPC ended with {status:?}"))),
        }
    }
}
