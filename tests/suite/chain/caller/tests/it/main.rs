//! Calls the first of three services, and looks for the call in all of them.

mod deadlines;
mod logs;
mod system;
#[cfg(feature = "otel")]
mod traces;
