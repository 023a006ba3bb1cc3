//! The integration tests. `contract` drives a service wherever it runs
//! (`ITEST_ADDR=host:port`); the other modules start one of their own, the real
//! binary as a child process (`ITEST_BINARY`, or what cargo built).
//!
//! How the chassis takes what production does to it, its own tests show.

mod contract;
#[cfg(target_os = "linux")]
mod costs;
mod process;
mod support;
mod upstream;
