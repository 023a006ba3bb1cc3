//! gzip: requests that are compressed, and responses to who accepts
//! it, where it pays. Around the generated servers, which know nothing of it:
//! <https://github.com/grpc/grpc/blob/master/doc/compression.md>
//!
//! | file      | its concern                                             |
//! |-----------|---------------------------------------------------------|
//! | `inflate` | the messages of a request, as they were                 |
//! | `deflate` | the messages of a response, those that are large        |

mod deflate;
mod inflate;

use std::sync::Arc;

use hyper::{
    HeaderMap, Request, Response,
    body::Body as _,
    header::{HeaderName, HeaderValue},
};
use tonic::{Status, body::Body};

use self::{deflate::Deflate, inflate::Inflate};
use super::{flight::Flight, rpcs::ResponseFuture};

const GZIP: &[u8] = b"gzip";
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip");
static ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
static ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Has `call` answer `request`, with what is compressed in one way or the other. Messages
/// of a response are from so many bytes on; 0: nothing is, and nothing is accepted.
pub(super) fn around(
    from: usize,
    flight: &Arc<Flight>,
    mut request: Request<Body>,
    call: impl FnOnce(Request<Body>) -> ResponseFuture,
) -> ResponseFuture {
    if from == 0 {
        return call(request);
    }
    let accepts = accepts(request.headers());
    let encoding = request.headers().get(&ENCODING).map(HeaderValue::as_bytes);
    let sends = encoding == Some(GZIP);
    // Of another, if any, it is for the generated server to say whether it knows that.
    let other = encoding.is_some_and(|it| ![GZIP, b"", b"identity"].contains(&it));
    if encoding.is_some() && !other {
        request.headers_mut().remove(&ENCODING);
    }
    if sends {
        request = request.map(|body| Body::new(Inflate::new(body, flight.clone())));
    }
    let answer = call(request);
    if !(accepts || sends || other) {
        return answer;
    }
    Box::pin(async move {
        let mut response = answer.await;
        if other {
            tell_of_gzip(response.headers_mut());
        }
        if accepts {
            compressed(response, from)
        } else {
            response
        }
    })
}

/// Whether one of the encodings that the client accepts is gzip.
fn accepts(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(&ACCEPT_ENCODING).iter();
    let mut names = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    names.any(|name| name.trim_ascii() == GZIP)
}

/// Adds gzip to what a server that knows nothing of it says that it knows.
fn tell_of_gzip(headers: &mut HeaderMap) {
    let known = headers.get(&ACCEPT_ENCODING).map(HeaderValue::as_bytes);
    if let Some(known) = known
        && let Ok(known) = HeaderValue::from_bytes(&[known, b",gzip"].concat())
    {
        headers.insert(&ACCEPT_ENCODING, known);
    }
}

fn compressed(mut response: Response<Body>, from: usize) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(&ACCEPT_ENCODING, ACCEPTED);
    let is_error = headers.contains_key(Status::GRPC_STATUS);
    // A service that compresses by itself has chosen what.
    if is_error || headers.contains_key(&ENCODING) || response.body().is_end_stream() {
        return response;
    }
    let gzip = HeaderValue::from_static("gzip");
    response.headers_mut().insert(&ENCODING, gzip);
    response.map(|body| Body::new(Deflate::new(body, from)))
}
