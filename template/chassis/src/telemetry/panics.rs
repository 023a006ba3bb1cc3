//! Panics, wherever they happen: counted, and logged with a backtrace.

use std::{
    backtrace::Backtrace,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use tonic::Status;
use tracing::{debug, error, field::display};

use super::quota;

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
    let location = panic.location().map(display);
    // A caller who knows how to cause one causes many, and a backtrace takes milliseconds.
    if quota::allows("panic") {
        let backtrace = known(&Backtrace::force_capture().to_string());
        let backtrace = backtrace.map(display);
        error!(location, backtrace, "Panic: {message}");
    } else {
        debug!(location, "Panic: {message}");
    }
}

/// The frames of `backtrace` that have a name. A binary without symbols has none of its
/// own, and those of the C library alone tell nothing.
fn known(backtrace: &str) -> Option<String> {
    if is_unknown(backtrace.lines().next()?) {
        return None;
    }
    let known = backtrace.lines().filter(|line| !is_unknown(line));
    Some(known.collect::<Vec<_>>().join("\n"))
}

/// As in `  12: <unknown>`.
fn is_unknown(line: &str) -> bool {
    line.trim_end().ends_with(": <unknown>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_without_a_name_are_left_out() {
        let some = "   0: chassis::a\n             at a.rs:1\n   1: <unknown>\n   2: main\n";
        let known_ones = "   0: chassis::a\n             at a.rs:1\n   2: main";
        assert_eq!(known(some).as_deref(), Some(known_ones));
        let stripped = "   0: <unknown>\n   1: <unknown>\n   2: __libc_start_main\n";
        assert_eq!(known(stripped), None);
        assert_eq!(known(""), None);
    }
}
