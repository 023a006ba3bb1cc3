//! gzip: requests that are compressed, and responses to who accepts
//! it, where it pays. Around the generated servers, which know nothing of it:
//! <https://github.com/grpc/grpc/blob/master/doc/compression.md>
//!
//! | file       | its concern                                             |
//! |------------|---------------------------------------------------------|
//! | `encoding` | what a request says of it                               |
//! | `inflate`  | the messages of a request, as they were                 |
//! | `deflate`  | the messages of a response, those that are large        |

mod deflate;
pub(super) mod encoding;
mod inflate;

use std::sync::Arc;

use hyper::{HeaderMap, Request, Response, body::Body as _, header::HeaderValue};
use tonic::{Status, body::Body};

use self::{
    deflate::Deflate,
    encoding::{ACCEPT_ENCODING, ENCODING, Encoding, GZIP, Sent},
    inflate::Inflate,
};
use super::{flight::Flight, rpcs::ResponseFuture};

const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip");

/// Has `call` answer `request`, with what is compressed in one way or the other. Messages
/// of a response are from so many bytes on; 0: nothing is, and nothing is accepted.
pub(super) fn around(
    from: usize,
    Encoding { sent, accepts }: Encoding,
    flight: &Arc<Flight>,
    mut request: Request<Body>,
    call: impl FnOnce(Request<Body>) -> ResponseFuture,
) -> ResponseFuture {
    if from == 0 {
        return call(request);
    }
    let other = sent == Sent::Other;
    // Of another, it is for the generated server to say whether it knows that.
    if sent != Sent::Unnamed && !other {
        request.headers_mut().remove(ENCODING);
    }
    if sent == Sent::Gzip {
        request = request.map(|body| Body::new(Inflate::new(body, flight.clone())));
    }
    let answer = call(request);
    if !(accepts || other) {
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

/// Adds gzip to what a server that knows nothing of it says that it knows.
fn tell_of_gzip(headers: &mut HeaderMap) {
    let known = headers.get(ACCEPT_ENCODING).map(HeaderValue::as_bytes);
    if let Some(known) = known
        && let Ok(known) = HeaderValue::from_bytes(&[known, b",gzip"].concat())
    {
        headers.insert(ACCEPT_ENCODING, known);
    }
}

fn compressed(mut response: Response<Body>, from: usize) -> Response<Body> {
    let headers = response.headers_mut();
    headers.insert(ACCEPT_ENCODING, ACCEPTED);
    let is_error = headers.contains_key(Status::GRPC_STATUS);
    // A service that compresses by itself has chosen what.
    if is_error || headers.contains_key(ENCODING) || response.body().is_end_stream() {
        return response;
    }
    let gzip = HeaderValue::from_static(GZIP);
    response.headers_mut().insert(ENCODING, gzip);
    response.map(|body| Body::new(Deflate::new(body, from)))
}
