//! gRPC-Web (feature `web`): RPCs of pages in browsers, which can't read trailers, and which ask
//! first whether they may call another origin than their own.
//!
//! A request becomes one of gRPC before the handler sees it, and the response one of gRPC-Web
//! after it, so that limits, deadlines, metrics and the log are the same for both.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>,
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>

mod body;

use std::{convert::Infallible, future::Future, sync::Arc};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderValue, ORIGIN, VARY,
    },
};
use tracing::debug;

use self::body::{Encoding, Translated, WebBody};
use super::{
    flight::Flight,
    handler::Handler,
    origins::{Origin, Origins},
    peer::Peer,
    request::RequestBody,
    shares::Account,
};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc+proto");

/// Seconds for which a browser may remember what it was allowed; Chromium takes no more.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// A handler that answers those who call by gRPC-Web, too; nobody where there are no origins.
pub(super) struct Web {
    handler: Handler,
    origins: Origins,
}

/// What a request is.
enum Kind {
    /// One of gRPC, or of nothing that is known here.
    Other,
    /// A browser asks whether it may call.
    Preflight(HeaderMap),
    /// A call by a page that may not.
    Forbidden,
    /// A call, whose response has these headers.
    Call(Encoding, HeaderMap),
}

impl Web {
    pub(super) fn around(handler: Handler, origins: Vec<Origin>) -> Self {
        Self {
            handler,
            origins: Origins(origins),
        }
    }

    /// Answers one request, as the handler does.
    pub(super) fn handle(
        &self,
        peer: &Peer,
        account: &Arc<Account>,
        flight: Arc<Flight>,
        mut request: Request<RequestBody>,
    ) -> impl Future<Output = Result<Response<WebBody>, Infallible>> + use<> {
        let kind = self.kind(&request);
        if let Kind::Call(encoding, _) = &kind {
            request.headers_mut().insert(CONTENT_TYPE, GRPC);
            if *encoding == Encoding::Text {
                request.body_mut().is_text();
            }
        }
        let handled = match kind {
            Kind::Preflight(_) | Kind::Forbidden => None,
            Kind::Other | Kind::Call(..) => {
                Some(self.handler.handle(peer, account, flight.clone(), request))
            }
        };
        async move {
            let response = match handled {
                Some(response) => response.await?,
                None => return Ok(kind.answer()),
            };
            Ok(match kind {
                Kind::Call(encoding, headers) => {
                    let translate = |body| WebBody::Web(Translated::new(body, encoding, flight));
                    let mut response = response.map(translate);
                    response.headers_mut().extend(headers);
                    response
                }
                _ => response.map(WebBody::Grpc),
            })
        }
    }

    fn kind<B>(&self, request: &Request<B>) -> Kind {
        let headers = request.headers();
        if self.origins.are_none() {
            return Kind::Other;
        }
        let is_preflight = request.method() == Method::OPTIONS
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        let content_type = headers.get(CONTENT_TYPE);
        let encoding = content_type.and_then(Encoding::of);
        if !is_preflight && encoding.is_none() {
            return Kind::Other;
        }
        // Who is no browser, or of the same origin, may leave it out.
        let origin = headers.get(ORIGIN);
        if let Some(origin) = origin.filter(|origin| !self.origins.allow(origin)) {
            debug!(
                ?origin,
                "Refused to a page of an origin that --web-origin doesn't name"
            );
            return Kind::Forbidden;
        }
        let mut answer = HeaderMap::new();
        if let Some(origin) = origin {
            answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(VARY, HeaderValue::from(ORIGIN));
        }
        match (encoding, content_type) {
            (Some(encoding), Some(content_type)) if !is_preflight => {
                answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
                answer.insert(CONTENT_TYPE, content_type.clone());
                Kind::Call(encoding, answer)
            }
            _ => {
                answer.insert(
                    ACCESS_CONTROL_ALLOW_METHODS,
                    HeaderValue::from_static("POST"),
                );
                answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
                // `*` would leave out the one for tokens, `authorization`.
                if let Some(asked) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
                }
                Kind::Preflight(answer)
            }
        }
    }
}

impl Kind {
    /// What is answered to who makes no call.
    fn answer(self) -> Response<WebBody> {
        let (status, headers) = match self {
            Self::Preflight(headers) => (StatusCode::NO_CONTENT, headers),
            _ => (StatusCode::FORBIDDEN, HeaderMap::new()),
        };
        let mut response = Response::new(WebBody::Nothing);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
