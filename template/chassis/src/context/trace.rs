//! What an RPC is a part of, and found by.

use std::sync::OnceLock;

use hyper::body::Bytes;
use tonic::metadata::AsciiMetadataValue;
use tracing::Span;

use super::traceparent::{next_hop, trace_id};

/// What an RPC is a part of, and found by. Ids that its caller did not send are made when they
/// are first asked for: of most RPCs they never are.
#[derive(Debug, Default)]
pub struct Trace {
    request_id: OnceLock<AsciiMetadataValue>,
    traceparent: OnceLock<AsciiMetadataValue>,
    /// W3C Trace Context `tracestate`: what the caller's tracing system adds to it.
    pub tracestate: Option<AsciiMetadataValue>,
    /// What is sent to the collector, where spans are (feature `otel`).
    pub span: Option<Span>,
}

impl Trace {
    /// One that goes by these.
    #[must_use]
    pub fn new(request_id: AsciiMetadataValue, traceparent: AsciiMetadataValue) -> Self {
        Self::of(Some(request_id), Some(traceparent))
    }

    /// One that goes by what there is of these.
    pub(crate) fn of(
        request_id: Option<AsciiMetadataValue>,
        traceparent: Option<AsciiMetadataValue>,
    ) -> Self {
        let known = |id: Option<_>| id.map(OnceLock::from).unwrap_or_default();
        Self {
            request_id: known(request_id),
            traceparent: known(traceparent),
            ..Self::default()
        }
    }

    /// `x-request-id`: the same for all that one request causes. Where its caller sent none it
    /// is the trace id, so that one id finds everything.
    pub fn request_id(&self) -> &AsciiMetadataValue {
        self.request_id.get_or_init(|| {
            let of_trace = trace_id(self.traceparent()).unwrap_or_default();
            id(Bytes::copy_from_slice(of_trace.as_bytes()))
        })
    }

    /// W3C Trace Context `traceparent`.
    pub fn traceparent(&self) -> &AsciiMetadataValue {
        let new = || id(Bytes::from_owner(next_hop(None)));
        self.traceparent.get_or_init(new)
    }
}

/// An id as metadata; it has to be visible ASCII.
pub(crate) fn id(text: Bytes) -> AsciiMetadataValue {
    let mut id: AsciiMetadataValue = text.try_into().expect("all of it is visible ASCII");
    // No other RPC has it: no table of headers, here or at a peer, has a use for it.
    id.set_sensitive(true);
    id
}
