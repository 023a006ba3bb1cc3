//! The first bytes of a connection: HTTP/2, or whatever a stranger sends.

use std::{io, time::Duration};

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

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
    #[error("TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("no greeting within {0:?}")]
    Late(Duration),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// All labels of rejected connections.
pub(super) const REJECTED: [&str; 5] = ["silence", "garbage", "tls", "timeout", "io"];

impl Rejected {
    /// Its reason, for the metrics.
    pub(super) fn label(&self) -> &'static str {
        let [silence, garbage, tls, timeout, io] = REJECTED;
        match self {
            Self::Silent => silence,
            Self::Bogus(_) => garbage,
            Self::Tls(_) => tls,
            Self::Late(_) => timeout,
            Self::Io(_) => io,
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
            let greeting = before.iter().chain(received).take(LOGGED_GREETING);
            return Err(Rejected::Bogus(greeting.copied().collect()));
        }
        reader.consume(n);
        expected = &expected[n..];
    }
    Ok(())
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
        let rejected = greeted_with(b"PRI Hello\r\n\x1b[31m").await.unwrap_err();
        assert_eq!(
            rejected.to_string(),
            r#"bogus greeting "PRI Hello\r\n\x1b[31m""#
        );
    }

    #[tokio::test]
    async fn a_port_probe_is_not_a_bogus_greeting() {
        let rejected = greeted_with(b"").await.unwrap_err();
        assert!(matches!(rejected, Rejected::Silent));
    }
}
