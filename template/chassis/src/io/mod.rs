//! Bytes in and out, whatever carries them.
//!
//! | file      | its concern                             |
//! |-----------|-----------------------------------------|
//! | `ahead`   | few reads, and large ones               |
//! | `cork`    | few writes, and large ones              |
//! | `parting` | no stream is lost that a peer had begun |

mod ahead;
mod cork;
mod parting;

use tokio::io::{AsyncRead, AsyncWrite};

pub(crate) use self::{ahead::Ahead, cork::Cork, parting::Parting};

/// TCP, TLS or a Unix socket: behind one type, HTTP/2 is compiled once.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
