//! Bytes in and out, whatever carries them.

use tokio::io::{AsyncRead, AsyncWrite};

/// TCP, TLS or a Unix socket: behind one type, HTTP/2 is compiled once.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
