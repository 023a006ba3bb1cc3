//! HTTP/2 by hand (RFC 9113), for clients that no library lets one be.

use std::collections::HashMap;

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::child::PATIENCE;

/// What an HTTP/2 client sends first (section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Frames of messages (section 6).
pub const DATA: u8 = 0;
/// Of headers and of trailers.
pub const HEADERS: u8 = 1;
/// Ends a stream.
pub const RST_STREAM: u8 = 3;
/// Announces limits.
pub const SETTINGS: u8 = 4;
/// Asks whether the peer is there.
pub const PING: u8 = 6;
/// Takes leave.
pub const GOAWAY: u8 = 7;
/// Allows so many bytes more.
pub const WINDOW_UPDATE: u8 = 8;
/// Of headers that one frame can't hold.
pub const CONTINUATION: u8 = 9;

/// The setting of how much a peer may send on a stream before it is allowed more
/// (section 6.5.2).
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// The flag of an acknowledgement.
pub const ACK: u8 = 1;
/// The flag of a stream's last frame.
pub const END_STREAM: u8 = 1;
/// The flag of the last frame with headers.
pub const END_HEADERS: u8 = 4;

/// The error code that is none (section 7).
pub const NO_ERROR: u32 = 0;
/// A peer that breaks the protocol.
pub const PROTOCOL_ERROR: u32 = 1;
/// A stream that nobody needs any more.
pub const CANCEL: u32 = 8;
/// A stream that was not handled.
pub const REFUSED_STREAM: u32 = 7;
/// A peer that is a nuisance.
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// A connection that sends what it is told to, and nothing else.
pub struct Raw<S = TcpStream>(pub S);

/// What the service sent.
#[derive(Debug)]
pub struct Frame {
    /// Such as [`DATA`].
    pub kind: u8,
    /// Such as [`END_STREAM`].
    pub flags: u8,
    /// The stream that it belongs to; 0 is the connection.
    pub stream: u32,
    /// What is in it.
    pub payload: Vec<u8>,
}

impl Raw {
    /// Connects, and says nothing.
    pub async fn silent(address: &str) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Connects and greets.
    pub async fn greet(address: &str) -> Self {
        Self::silent(address).await.greeted().await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Greets, with SETTINGS that change nothing.
    pub async fn greeted(self) -> Self {
        self.greeted_with(&[]).await
    }

    /// Greets with these SETTINGS, by their ids.
    pub async fn greeted_with(mut self, settings: &[(u16, u32)]) -> Self {
        let mut payload = Vec::new();
        for (id, value) in settings {
            payload.extend(id.to_be_bytes());
            payload.extend(value.to_be_bytes());
        }
        self.send(PREFACE).await;
        self.send(&frame(SETTINGS, 0, 0, &payload)).await;
        self
    }

    /// Sends `bytes`. Whether the service still reads them is for others to see.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }

    /// Begins a call of the method at `path`, whose request is not there yet.
    pub async fn begin(&mut self, stream: u32, path: &str) {
        self.send(&headers(stream, &request(path))).await;
    }

    /// Ends it, with a request that is this `message`, encoded.
    pub async fn end(&mut self, stream: u32, message: &[u8]) {
        self.send(&frame(DATA, END_STREAM, stream, &prefixed(message)))
            .await;
    }

    /// Reads one frame; `None` when the service has closed the connection.
    pub async fn next(&mut self) -> Option<Frame> {
        let read = async {
            let length = self.0.read_u32().await?;
            let flags = self.0.read_u8().await?;
            let stream = self.0.read_u32().await?;
            let mut payload = vec![0; (length >> 8) as usize];
            self.0.read_exact(&mut payload).await?;
            let [.., kind] = length.to_be_bytes();
            Ok::<_, std::io::Error>(Frame {
                kind,
                flags,
                stream,
                payload,
            })
        };
        let outcome = timeout(PATIENCE, read)
            .await
            .expect("neither frame nor end");
        outcome.ok()
    }

    /// Reads until a frame of `kind` comes that is not just an acknowledgement.
    pub async fn wait_for(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().await;
            let frame = frame.unwrap_or_else(|| panic!("closed before a frame of kind {kind}"));
            if frame.kind == kind && !(frame.flags & ACK != 0 && [SETTINGS, PING].contains(&kind)) {
                return frame;
            }
        }
    }

    /// Acknowledges a PING.
    pub async fn acknowledge(&mut self, ping: &Frame) {
        self.send(&frame(PING, ACK, 0, &ping.payload)).await;
    }

    /// Reads to the end of the connection; returns what came before it.
    pub async fn rest(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.next().await {
            frames.push(frame);
        }
        frames
    }
}

impl Frame {
    /// The settings that a SETTINGS frame announces, by their ids.
    pub fn settings(&self) -> HashMap<u16, u32> {
        let setting = |bytes: &[u8]| {
            let id = u16::from_be_bytes(bytes[..2].try_into().unwrap());
            (id, u32::from_be_bytes(bytes[2..].try_into().unwrap()))
        };
        self.payload.chunks(6).map(setting).collect()
    }

    /// The error code of a RST_STREAM or GOAWAY, or the increment of a WINDOW_UPDATE.
    pub fn number(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A HEADERS frame, and as many CONTINUATION frames as `block` needs.
pub fn headers(stream: u32, block: &[u8]) -> Vec<u8> {
    let mut chunks = block.chunks(16 * 1024).peekable();
    let mut bytes = Vec::new();
    let mut kind = HEADERS;
    while let Some(chunk) = chunks.next() {
        let flags = if chunks.peek().is_none() {
            END_HEADERS
        } else {
            0
        };
        bytes.extend(frame(kind, flags, stream, chunk));
        kind = CONTINUATION;
    }
    bytes
}

/// The header block of a call of the method at `path`, as in `/grpc.health.v1.Health/Check`.
pub fn request(path: &str) -> Vec<u8> {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", path),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    .into_iter()
    .flat_map(|(name, value)| header(name, value))
    .collect()
}

/// One header field: literal, without indexing, not compressed (RFC 7541, section 6.2.2).
pub fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        // An integer with a prefix of seven bits (section 5.1).
        if text.len() < 127 {
            bytes.push(u8::try_from(text.len()).unwrap());
        } else {
            let mut rest = text.len() - 127;
            bytes.push(127);
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// An encoded message with its length in front, as it goes into DATA frames.
pub fn prefixed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), message].concat()
}
