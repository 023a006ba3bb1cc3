//! Panics, wherever they happen: counted, and logged with a backtrace.

use std::{
    backtrace::Backtrace,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use tonic::Status;
use tracing::error;

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Has all panics of this process counted and logged from now on.
pub fn install() {
    panic::set_hook(Box::new(log));
}

/// Panics so far.
pub(super) fn count() -> u64 {
    COUNT.load(Relaxed)
}

/// Turns a panic of `f` into INTERNAL. What it said goes to the log, not to the client.
pub(crate) fn caught<T>(f: impl FnOnce() -> T) -> Result<T, Status> {
    // What a panic left half done is dropped, not used again.
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(|_| Status::internal("internal error"))
}

fn log(panic: &PanicHookInfo<'_>) {
    COUNT.fetch_add(1, Relaxed);
    let message = panic.payload_as_str().unwrap_or("of unknown type");
    let location = panic.location().map(tracing::field::display);
    let backtrace = Backtrace::force_capture();
    error!(location, %backtrace, "Panic: {message}");
}
