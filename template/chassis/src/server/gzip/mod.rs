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

const GZIP: &str = "gzip";
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
    let accepts = names(request.headers(), &ACCEPT_ENCODING);
    let sends = names(request.headers(), &ENCODING);
    if sends {
        request.headers_mut().remove(&ENCODING);
        request = request.map(|body| Body::new(Inflate::new(body, flight.clone())));
    }
    let answer = call(request);
    if !(accepts || sends) {
        return answer;
    }
    Box::pin(async move {
        let response = answer.await;
        if accepts {
            compressed(response, from)
        } else {
            response
        }
    })
}

/// Whether one of the encodings in the header `name` is gzip.
fn names(headers: &HeaderMap, name: &HeaderName) -> bool {
    let lists = headers.get_all(name).iter();
    let mut names = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    names.any(|name| name.trim_ascii() == GZIP.as_bytes())
}

fn compressed(mut response: Response<Body>, from: usize) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(&ACCEPT_ENCODING, ACCEPTED);
    let is_error = headers.contains_key(Status::GRPC_STATUS);
    // A service that compresses by itself has chosen what.
    if is_error || headers.contains_key(&ENCODING) || response.body().is_end_stream() {
        return response;
    }
    let gzip = HeaderValue::from_static(GZIP);
    response.headers_mut().insert(&ENCODING, gzip);
    response.map(|body| Body::new(Deflate::new(body, from)))
}
