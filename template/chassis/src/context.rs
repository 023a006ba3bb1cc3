//! What an RPC carries along on its way through services: its deadline, its
//! request id and its trace, and who made it. The chassis sets it, log lines and the client
//! read it. A task spawned by a handler starts without it, unless it is run
//! inside [`Context::scope`].

mod caller;
pub(crate) mod timeout;

use std::{future::Future, sync::Arc};

use tokio::time::Instant;
use tonic::metadata::AsciiMetadataValue;
use tracing::{Instrument, Span};

pub use self::caller::Caller;

/// The metadata that holds a request id, as many systems have it.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// The metadata that hold a trace: <https://www.w3.org/TR/trace-context/>.
pub(crate) const TRACEPARENT: &str = "traceparent";
pub(crate) const TRACESTATE: &str = "tracestate";

tokio::task_local! {
    static CURRENT: Context;
}

/// The context of one RPC.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// When the caller stops waiting.
    pub deadline: Option<Instant>,
    /// What it is a part of. Shared, since each poll of the RPC takes a clone.
    pub trace: Option<Arc<Trace>>,
    /// Who made it, if anything shows that.
    pub caller: Option<Arc<Caller>>,
}

/// What an RPC is a part of, and found by.
#[derive(Clone, Debug)]
pub struct Trace {
    /// `x-request-id`: the same for all that one request causes.
    pub request_id: AsciiMetadataValue,
    /// W3C Trace Context `traceparent`.
    pub traceparent: AsciiMetadataValue,
    /// W3C Trace Context `tracestate`: what the caller's tracing system adds to it.
    pub tracestate: Option<AsciiMetadataValue>,
    /// What is sent to the collector, where spans are (feature `otel`).
    pub span: Option<Span>,
}

impl Caller {
    /// Who makes the RPC that this code runs for, if anything shows it.
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        Context::with_current(|context| context.caller.clone()).flatten()
    }
}

impl Context {
    /// The context of the RPC that this code runs for; empty outside of one.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Runs `future` with this context as the current one.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        let span = self.span();
        CURRENT.scope(self, future).instrument(span)
    }

    /// Runs `f` with this context as the current one.
    pub fn sync_scope<T>(self, f: impl FnOnce() -> T) -> T {
        self.span().in_scope(|| CURRENT.sync_scope(self, f))
    }

    /// Shows `f` the current context, if there is one.
    pub fn with_current<T>(f: impl FnOnce(&Self) -> T) -> Option<T> {
        CURRENT.try_with(f).ok()
    }

    fn span(&self) -> Span {
        let span = self.trace.as_ref().and_then(|trace| trace.span.clone());
        span.unwrap_or_else(Span::none)
    }
}
