//! Clients that speak HTTP/2 with prior knowledge to a port of HTTP/1.1: they are told
//! so in their own protocol, where hyper would hang up on them.

use std::io::{self, Cursor};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, join},
    net::TcpStream,
};

/// What an HTTP/2 client sends first begins so (RFC 9113, section 3.4), and no
/// request of HTTP/1.1 does.
const HTTP2: [u8; 3] = *b"PRI";

/// SETTINGS that change nothing, and GOAWAY for the reason HTTP_1_1_REQUIRED, 13
/// (sections 6.5, 6.8 and 7).
const GOODBYE: [u8; 26] = [
    0, 0, 0, 4, 0, 0, 0, 0, 0, //
    0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13,
];

/// The IO of a client that speaks HTTP/1.1, or an error.
pub(crate) async fn expect_http1(
    mut tcp: TcpStream,
) -> io::Result<impl AsyncRead + AsyncWrite + Unpin> {
    let mut start = HTTP2.map(|_| 0);
    tcp.read_exact(&mut start).await?;
    if start == HTTP2 {
        tcp.write_all(&GOODBYE).await?;
        tcp.shutdown().await?;
        // Closed with something unread, TCP would take the goodbye back.
        let mut rest = [0; 1024];
        while tcp.read(&mut rest).await? > 0 {}
        return Err(io::Error::other("HTTP/2 is not spoken here"));
    }
    let (reader, writer) = tcp.into_split();
    Ok(join(Cursor::new(start).chain(reader), writer))
}
