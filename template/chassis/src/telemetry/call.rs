//! One RPC, as it is accounted for: counted when it starts, and counted and
//! logged when its end is known, be it that its caller went away.

use std::sync::Arc;

use hyper::HeaderMap;
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::{Level, debug};

use super::{
    ids,
    methods::{InFlight, MethodMetrics},
    traces,
};
use crate::{
    context::{Caller, Context},
    remote::Remote,
};

/// An RPC in flight; dropped at its end.
pub(crate) struct Call {
    pub(crate) context: Context,
    /// Whether its caller is told its ids even where it succeeds.
    tells: bool,
    in_flight: InFlight,
    unknown: Option<Box<str>>,
    peer: Remote,
}

impl Call {
    pub(crate) fn start(
        method: &Arc<MethodMetrics>,
        path: &str,
        peer: Remote,
        started: Instant,
        context: Context,
        tells: bool,
    ) -> Self {
        Self {
            context,
            tells,
            in_flight: InFlight::start(method, started),
            unknown: method.path.is_empty().then(|| path.into()),
            peer,
        }
    }

    /// Tells its caller the ids, as part of the `headers` of the response, where it wants
    /// to know them.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        if self.tells
            && let Some(trace) = &self.context.trace
        {
            ids::tell(trace, headers);
        }
    }

    /// It ended without a status that its caller could be told.
    pub(crate) fn end(&mut self, code: Code) {
        self.in_flight.code = Some(code);
    }

    /// Reads the status from `headers` or trailers, if it is there, and corrects it:
    /// the gRPC specification has RESOURCE_EXHAUSTED for a message over the
    /// limit, where tonic answers OUT_OF_RANGE. A failure tells the ids with it.
    pub(crate) fn see(&mut self, headers: &mut HeaderMap) {
        const TOO_LARGE: &str = "message length too large";
        let Some(code) = headers.get(&Status::GRPC_STATUS) else {
            return;
        };
        let mut code = Code::from_bytes(code.as_bytes());
        if code == Code::OutOfRange
            && Status::from_header_map(headers).is_some_and(|it| it.message().contains(TOO_LARGE))
        {
            code = Code::ResourceExhausted;
            headers.insert("grpc-status", (code as i32).into());
        }
        self.in_flight.code = Some(code);
        // Who is told of a failure will ask what it was.
        if code != Code::Ok && !self.tells {
            self.tells = true;
            self.tell(headers);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let trace = self.context.trace.as_ref();
        if let Some(span) = trace.and_then(|trace| trace.span.as_ref()) {
            traces::end(span, self.in_flight.end());
        }
        if tracing::enabled!(Level::DEBUG) {
            let path = self
                .unknown
                .as_deref()
                .unwrap_or(&self.in_flight.method.path);
            let method = path.escape_debug();
            let (code, duration) = (self.in_flight.end(), self.in_flight.duration());
            let peer = self.peer;
            let context = std::mem::take(&mut self.context);
            let caller = context.caller.clone();
            let caller = caller.as_deref().and_then(Caller::name);
            context.sync_scope(|| debug!(%method, ?code, ?duration, %peer, caller, "RPC"));
        }
    }
}
