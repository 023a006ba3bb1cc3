//! What gRPC asks of the head of a request, and how one is refused that isn't so.
//!
//! What is said is PROTOCOL-HTTP2.md's; how a refusal looks, where that leaves it
//! open, is grpc-go's: a gRPC status with each HTTP status, so that every client
//! can tell what was wrong.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>

use std::time::Duration;

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    header::{ALLOW, HeaderValue},
    http::uri::PathAndQuery,
};
use tonic::{Code, Status, body::Body};

use super::gzip::encoding::Encoding;
use crate::context::timeout::{self, GRPC_TIMEOUT};

/// What SETTINGS_MAX_HEADER_LIST_SIZE counts for a field beside its name and value
/// (RFC 9113, section 6.5.2).
const FIELD: usize = 32;

/// What the names of the four pseudo-header fields, and the values of `:method` and
/// `:scheme`, come to.
const PSEUDO: usize = 4 * FIELD + ":method:scheme:authority:path".len() + "POSThttp".len();

/// Bytes of what a peer sent that it is told again.
const QUOTED: usize = 100;

/// Why a request is refused before a handler sees it.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the method of a gRPC request is POST, not {0:?}")]
    Method(String),
    #[error("the content-type of a gRPC request is application/grpc, not \"{0}\"")]
    ContentType(String),
    #[error("malformed grpc-timeout \"{0}\"")]
    Timeout(String),
    #[error("malformed binary metadata in \"{0}\"")]
    Binary(String),
    #[error("metadata of {size} bytes, the limit is {limit}")]
    Metadata { size: usize, limit: usize },
    #[error("the deadline has passed")]
    Late,
}

/// All labels of refusals.
pub(super) const REFUSED: [&str; 6] = [
    "method",
    "content_type",
    "timeout",
    "binary_metadata",
    "metadata_size",
    "deadline",
];

/// What the head of a request says to the chassis.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Head {
    /// How long its caller waits, if it says so.
    pub(super) timeout: Option<Duration>,
    /// Bytes of metadata, as HTTP/2 counts them.
    pub(super) size: usize,
    /// What it says of gzip.
    pub(super) encoding: Encoding,
}

/// What the head of `request` says, if it is as it has to be, with metadata of at most so
/// many bytes.
// One look at each field, and nothing is looked up by its name: this is done for
// every RPC.
pub(super) fn read<B>(request: &Request<B>, max_metadata: usize) -> Result<Head, Refusal> {
    if request.method() != Method::POST {
        return Err(Refusal::Method(quoted(request.method().as_str())));
    }
    let (mut size, mut timeout) = (pseudo(request.uri()), None);
    let (mut is_grpc, mut broken) = (false, None);
    let mut encoding = Encoding::default();
    for (name, value) in request.headers() {
        let (name, value) = (name.as_str(), value.as_bytes());
        size += name.len() + value.len() + FIELD;
        match name {
            "content-type" if content_type_is_grpc(value) => is_grpc = true,
            GRPC_TIMEOUT => timeout = Some(value),
            _ if name.ends_with("-bin") && !is_base64(value) => broken = Some(name),
            _ => encoding.see(name, value),
        }
    }
    if size > max_metadata {
        let limit = max_metadata;
        return Err(Refusal::Metadata { size, limit });
    }
    if !is_grpc {
        return Err(Refusal::ContentType(content_type(request.headers())));
    }
    if let Some(name) = broken {
        return Err(Refusal::Binary(quoted(name)));
    }
    let timeout = match timeout.map(|value| timeout::parse(value).ok_or(value)) {
        Some(Ok(Duration::ZERO)) => return Err(Refusal::Late),
        Some(Err(value)) => return Err(Refusal::Timeout(escaped(value))),
        Some(Ok(timeout)) => Some(timeout),
        None => None,
    };
    Ok(Head {
        timeout,
        size,
        encoding,
    })
}

impl Refusal {
    /// Its reason, for the metrics.
    pub(super) fn label(&self) -> &'static str {
        let [method, content_type, timeout, binary, metadata, deadline] = REFUSED;
        match self {
            Self::Method(_) => method,
            Self::ContentType(_) => content_type,
            Self::Timeout(_) => timeout,
            Self::Binary(_) => binary,
            Self::Metadata { .. } => metadata,
            Self::Late => deadline,
        }
    }

    /// What the caller is answered.
    pub(super) fn response(&self) -> Response<Body> {
        let (http, code) = match self {
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, Code::Internal),
            Self::ContentType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::InvalidArgument),
            Self::Timeout(_) | Self::Binary(_) => (StatusCode::BAD_REQUEST, Code::Internal),
            // As gRPC's C core has it. 431, which HTTP has, is UNKNOWN to clients.
            Self::Metadata { .. } => (StatusCode::OK, Code::ResourceExhausted),
            Self::Late => (StatusCode::OK, Code::DeadlineExceeded),
        };
        let mut response = Status::new(code, self.to_string()).into_http();
        *response.status_mut() = http;
        if http == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110, section 15.5.6, wants it.
            let post = HeaderValue::from_static("POST");
            response.headers_mut().insert(ALLOW, post);
        }
        response
    }
}

/// The path of the method that `uri` names: a query is a part of it, which makes it one that
/// no contract has.
pub(super) fn path(uri: &Uri) -> &str {
    uri.path_and_query().map_or("", PathAndQuery::as_str)
}

/// The answer to a call of a method that nobody here has.
pub(super) fn unimplemented(path: &str) -> Status {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (service, method) = path.rsplit_once('/').unwrap_or((path, ""));
    Status::unimplemented(format!(
        "unknown method \"{}\" of service \"{}\"",
        quoted(method),
        quoted(service)
    ))
}

/// What the pseudo-header fields of a request to `uri` come to.
fn pseudo(uri: &Uri) -> usize {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    PSEUDO + path(uri).len() + authority.len()
}

/// `application/grpc`, alone, with a subtype (`+proto`), or with parameters.
fn content_type_is_grpc(value: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let Some((start, rest)) = value.split_at_checked(GRPC.len()) else {
        return false;
    };
    // Media types are written in any case (RFC 9110, section 8.3.1).
    (start == GRPC || start.eq_ignore_ascii_case(GRPC))
        && matches!(rest.trim_ascii_start(), [] | [b'+' | b';', ..])
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get("content-type").map(HeaderValue::as_bytes);
    escaped(value.unwrap_or_default())
}

/// Whether `list` is of base64, padded or not: several values may have been joined.
fn is_base64(list: &[u8]) -> bool {
    list.split(|byte| *byte == b',').all(|value| {
        let value = value.trim_ascii();
        let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
        let digits = &value[..value.len() - padding];
        let whole = match padding {
            0 => digits.len() % 4 != 1,
            1 | 2 => value.len().is_multiple_of(4),
            _ => false,
        };
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
        whole && digits.iter().all(is_digit)
    })
}

/// What a peer sent, for messages and the log.
fn escaped(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(QUOTED)].escape_ascii().to_string()
}

pub(super) fn quoted(text: &str) -> String {
    escaped(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::post("http://localhost/a.B/C");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap()
    }

    fn reading(name: &str, value: &str) -> Result<Option<Duration>, Refusal> {
        let headers = [("content-type", "application/grpc"), (name, value)];
        read(&request(&headers), 1024).map(|head| head.timeout)
    }

    #[test]
    fn content_types_are_told_apart_by_what_comes_after_grpc() {
        let good = [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=utf-8",
            "application/grpc ; charset=utf-8",
            "application/GRPC+Proto",
        ];
        for value in good {
            assert!(content_type_is_grpc(value.as_bytes()), "{value}");
        }
        let bad = [
            "",
            "application/json",
            "application/grpcfoo",
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grp",
            "text/plain; application/grpc",
        ];
        for value in bad {
            assert!(!content_type_is_grpc(value.as_bytes()), "{value}");
        }
        assert_eq!(
            read(&request(&[]), 1024),
            Err(Refusal::ContentType(String::new()))
        );
    }

    #[test]
    fn binary_metadata_is_base64_padded_or_not_one_or_several() {
        for value in [
            "",
            "AA",
            "AA==",
            "AAA",
            "AAA=",
            "AAAA",
            "+/+/",
            "AA,AAA=, AAAA",
        ] {
            assert_eq!(reading("x-bin", value), Ok(None), "{value:?}");
        }
        for value in [
            "A", "AAAAA", "AA=", "A===", "====", "AA-_", "A A", "=AAA", "AA==,!",
        ] {
            let refused = Err(Refusal::Binary("x-bin".into()));
            assert_eq!(reading("x-bin", value), refused, "{value:?}");
        }
        assert_eq!(reading("x-binary", "!"), Ok(None));
    }

    #[test]
    fn metadata_is_counted_as_http2_counts_it() {
        let headers = [("content-type", "application/grpc"), ("a", "12345")];
        let request = request(&headers);
        // Name, value, and 32, of each field.
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/a.B/C"),
        ];
        let all = fields.iter().chain(&headers);
        let size = all.map(|(name, value)| name.len() + value.len() + 32).sum();
        let head = Head {
            size,
            ..Head::default()
        };
        assert_eq!(read(&request, size), Ok(head));
        let limit = size - 1;
        assert_eq!(
            read(&request, limit),
            Err(Refusal::Metadata { size, limit })
        );
    }

    #[test]
    fn what_a_peer_sent_is_told_escaped_and_short() {
        let status = unimplemented("/a.\u{1b}[31m\"/Ü");
        assert_eq!(
            status.message(),
            r#"unknown method "\xc3\x9c" of service "a.\x1b[31m\"""#
        );
        let long = unimplemented(&format!("/{}/C", "x".repeat(10_000)));
        assert!(long.message().len() < 200, "{long}");
        assert_eq!(
            unimplemented("nonsense").message(),
            r#"unknown method "" of service "nonsense""#
        );
    }

    #[test]
    fn a_time_that_is_none_is_over() {
        assert_eq!(reading("grpc-timeout", "0n"), Err(Refusal::Late));
        assert_eq!(reading("grpc-timeout", "00S"), Err(Refusal::Late));
        let timeout = Some(Duration::from_nanos(1));
        assert_eq!(reading("grpc-timeout", "1n"), Ok(timeout));
    }
}
