//! The first bytes of a connection: HTTP/2, or whatever a stranger sends.

use std::{io, time::Duration};

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

use super::http1::{self, Start};

/// What an HTTP/2 client sends first (RFC 9113, section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a bogus greeting that are logged.
const LOGGED_GREETING: usize = 64;

/// Why a connection never came to speak HTTP/2.
#[derive(Debug, thiserror::Error)]
pub(super) enum Rejected {
    #[error("closed without a word")]
    Silent,
    #[error("bogus greeting \"{}\"", .0.escape_ascii())]
    Bogus(Vec<u8>),
    #[error("HTTP/1 request \"{}\"", .0.escape_ascii())]
    Http1(Vec<u8>),
    #[error("TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("no greeting within {0:?}")]
    Late(Duration),
    #[error("more than {0} connections from its address")]
    Crowd(u32),
    #[error("it gave way to others before it greeted")]
    GaveWay,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// All labels of rejected connections.
pub(super) const REJECTED: [&str; 7] = [
    "silence", "garbage", "http1", "tls", "timeout", "io", "crowd",
];

impl Rejected {
    /// Its reason, for the metrics.
    pub(super) fn label(&self) -> &'static str {
        let [silence, garbage, http1, tls, timeout, io, crowd] = REJECTED;
        match self {
            Self::Silent => silence,
            Self::Bogus(_) => garbage,
            Self::Http1(_) => http1,
            Self::Tls(_) => tls,
            Self::Late(_) => timeout,
            Self::Io(_) => io,
            Self::Crowd(_) | Self::GaveWay => crowd,
        }
    }
}

/// Reads the preface, up to the first byte that does not belong to it.
pub(super) async fn expect_preface(
    reader: &mut (impl AsyncBufRead + Unpin),
) -> Result<(), Rejected> {
    let mut expected = PREFACE;
    while !expected.is_empty() {
        let received = reader.fill_buf().await?;
        let n = received.len().min(expected.len());
        if n == 0 && expected.len() == PREFACE.len() {
            return Err(Rejected::Silent);
        }
        if n == 0 || received[..n] != expected[..n] {
            let before = &PREFACE[..PREFACE.len() - expected.len()];
            let greeting = before.iter().chain(received).copied().collect();
            let read = received.len();
            reader.consume(read);
            return Err(other(greeting, reader).await?);
        }
        reader.consume(n);
        expected = &expected[n..];
    }
    Ok(())
}

/// What it is that begins with `greeting`, and is not HTTP/2.
async fn other(
    mut greeting: Vec<u8>,
    reader: &mut (impl AsyncBufRead + Unpin),
) -> Result<Rejected, Rejected> {
    loop {
        let start = http1::start(&greeting);
        let received = match start {
            Start::Unfinished => reader.fill_buf().await?,
            Start::Request(_) | Start::Garbage => &[],
        };
        if !received.is_empty() {
            greeting.extend(received);
            let read = received.len();
            reader.consume(read);
            continue;
        }
        if let Start::Request(line) = start {
            greeting.truncate(line.min(LOGGED_GREETING));
            return Ok(Rejected::Http1(greeting.trim_ascii_end().into()));
        }
        greeting.truncate(LOGGED_GREETING);
        return Ok(Rejected::Bogus(greeting));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn greeted_with(greeting: &[u8]) -> Result<(), Rejected> {
        expect_preface(&mut &*greeting).await
    }

    #[tokio::test]
    async fn a_client_that_speaks_http2_is_welcome() {
        greeted_with(PREFACE).await.unwrap();
    }

    #[tokio::test]
    async fn a_preface_in_pieces_is_a_preface() {
        let (first, rest) = PREFACE.split_at(7);
        let mut reader = tokio::io::AsyncReadExt::chain(first, rest);
        expect_preface(&mut reader).await.unwrap();
    }

    #[tokio::test]
    async fn anything_else_is_told_escaped() {
        let rejected = greeted_with(b"PRI noise\r\n\x1b[31m").await.unwrap_err();
        assert_eq!(
            rejected.to_string(),
            r#"bogus greeting "PRI noise\r\n\x1b[31m""#
        );
    }

    #[tokio::test]
    async fn a_request_of_http1_in_pieces_is_one() {
        // Its first byte is that of the preface, too.
        let (first, rest) = b"POST /a.B/C HTTP/1.1\r\nhost: a\r\n\r\n".split_at(9);
        let mut reader = tokio::io::AsyncReadExt::chain(first, rest);
        let rejected = expect_preface(&mut reader).await.unwrap_err();
        let told = r#"HTTP/1 request "POST /a.B/C HTTP/1.1""#;
        assert_eq!(rejected.to_string(), told);
        let cut = greeted_with(b"GET / HT").await.unwrap_err();
        assert_eq!(cut.to_string(), r#"bogus greeting "GET / HT""#);
    }

    #[tokio::test]
    async fn a_port_probe_is_not_a_bogus_greeting() {
        let rejected = greeted_with(b"").await.unwrap_err();
        assert!(matches!(rejected, Rejected::Silent));
    }
}
