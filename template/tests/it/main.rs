//! The integration tests. `contract` drives a service wherever it runs
//! (`ITEST_ADDR=host:port`); the other modules start one of their own, the real
//! binary as a child process (`ITEST_BINARY`, or what cargo built), and see how
//! it takes what production does to it.

mod accept;
mod admin;
mod balance;
mod client;
mod contract;
mod counts;
mod drain;
mod fairness;
mod garbage;
mod health;
mod http2;
mod lifecycle;
mod limits;
mod logging;
mod metrics;
mod panics;
mod settings;
mod soak;
mod streams;
mod support;
mod tls;
mod tls_reload;
#[cfg(feature = "otel")]
mod traces;
mod upstream;
