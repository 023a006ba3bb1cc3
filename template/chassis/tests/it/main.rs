//! The integration tests. Many start a program that is made with the chassis, that in
//! `program/`, as a child process, and see how it takes what production does to it;
//! the others have a server in their own process (`InProcess`).

mod accept;
mod admin;
mod callers;
mod chain;
mod channel;
mod contract;
mod contracts;
mod crowd;
mod drain;
mod fairness;
mod families;
mod flags;
mod freshness;
mod garbage;
mod given;
mod gzip;
mod handshakes;
mod health;
mod http1;
mod http2;
mod interop;
mod lifecycle;
mod limits;
mod linger;
mod log;
mod logging;
mod memory;
mod metrics;
mod panics;
mod probes;
mod protocol;
mod ranges;
mod readiness;
mod refused;
mod rpcs;
mod scripted;
mod settings;
mod soak;
mod streams;
mod support;
mod takeover;
mod tasks;
mod tls;
mod tls_files;
mod tls_reload;
#[cfg(feature = "jwt")]
mod tokens;
#[cfg(feature = "otel")]
mod traces;
mod unix;
mod untaken;
mod upstream;
mod waiting;
#[cfg(feature = "web")]
mod web;
