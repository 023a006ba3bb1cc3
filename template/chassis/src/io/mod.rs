//! Bytes in and out, whatever carries them.
//!
//! | file    | its concern                   |
//! |---------|-------------------------------|
//! | `ahead` | few reads, and large ones     |
//! | `cork`  | few writes, and large ones    |

mod ahead;
mod cork;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::{ahead::Ahead, cork::Cork};

/// TCP, TLS or a Unix socket: behind one type, HTTP/2 is compiled once.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
