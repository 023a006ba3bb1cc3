//! Clients that speak HTTP/1 to a port that doesn't: a browser, curl, a load balancer
//! that was told the wrong protocol. They are told so in the protocol that they
//! speak, which silence would not.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::linger::linger;

/// Those of RFC 9110, section 9.3, and PATCH. Others are not waited for.
const METHODS: [&[u8]; 9] = [
    b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH",
];

/// Bytes of the longest request line. 8000: what RFC 9112, section 3, recommends to take.
pub(super) const LONGEST_LINE: usize = 8000;

// 505 is what RFC 9110 has for a version that isn't spoken, with a representation
// that says which are. Not 426: there is nothing to upgrade to, since RFC 9113 has
// dropped h2c. Not 415: the version is wrong whatever the content is.
const HEAD: &str = "HTTP/1.1 505 HTTP Version Not Supported\r\n\
    content-type: text/plain; charset=utf-8\r\n\
    content-length: 72\r\n\
    connection: close\r\n\r\n";
const BODY: &str = "This port speaks gRPC, over HTTP/2 with prior knowledge (or ALPN \"h2\").\n";

/// What the first bytes of a connection may be.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Start {
    /// A request whose first line is of so many bytes.
    Request(usize),
    /// Maybe one; the line isn't there yet.
    Unfinished,
    /// Nothing of HTTP/1.
    Garbage,
}

/// What `bytes` are the start of.
pub(super) fn start(bytes: &[u8]) -> Start {
    let method = |method: &[u8]| {
        let n = method.len().min(bytes.len());
        bytes[..n] == method[..n] && bytes.get(n).is_none_or(|byte| *byte == b' ')
    };
    if !METHODS.into_iter().any(method) {
        return Start::Garbage;
    }
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) if is_request_line(bytes[..end].trim_ascii_end()) => Start::Request(end),
        None if bytes.len() < LONGEST_LINE => Start::Unfinished,
        _ => Start::Garbage,
    }
}

/// A method, which is known to be one, a target and a version (RFC 9112, section 3).
fn is_request_line(line: &[u8]) -> bool {
    let mut parts = line.split(|byte| *byte == b' ').skip(1);
    let (target, version) = (parts.next(), parts.next());
    target.is_some_and(|target| !target.is_empty() && target.iter().all(u8::is_ascii_graphic))
        && matches!(version, Some(b"HTTP/1.0" | b"HTTP/1.1"))
        && parts.next().is_none()
}

/// Answers the request that begins with `line`, of which the rest may be still to come.
pub(super) async fn decline(
    line: &[u8],
    io: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> io::Result<()> {
    io.write_all(HEAD.as_bytes()).await?;
    if !line.starts_with(b"HEAD ") {
        io.write_all(BODY.as_bytes()).await?;
    }
    linger(io).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_from_garbage_as_soon_as_they_differ() {
        let requests = [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST /a.B/C HTTP/1.0\r\n",
            "OPTIONS * HTTP/1.1\n",
            "PUT http://a/b?c HTTP/1.1\r\n\x1b",
        ];
        for text in requests {
            let end = text.find('\n').unwrap();
            assert_eq!(start(text.as_bytes()), Start::Request(end), "{text:?}");
            for n in 0..end {
                let start = start(&text.as_bytes()[..n]);
                assert_eq!(start, Start::Unfinished, "{:?}", &text[..n]);
            }
        }
        let long = format!("GET /{}", "x".repeat(LONGEST_LINE));
        let garbage = [
            "X",
            "NOISE",
            "GETS",
            "GET\r",
            "get / HTTP/1.1\r\n",
            "GET /\r\n",
            "GET / HTTP/2.0\r\n",
            "GET  / HTTP/1.1\r\n",
            "GET /\x1b HTTP/1.1\r\n",
            "GET / HTTP/1.1 x\r\n",
            "PRI ",
            &long,
        ];
        for text in garbage {
            assert_eq!(start(text.as_bytes()), Start::Garbage, "{text:?}");
        }
    }

    #[test]
    fn the_answer_is_as_long_as_it_says() {
        let length = format!("\r\ncontent-length: {}\r\n", BODY.len());
        assert!(HEAD.contains(&length), "{length}");
    }
}
