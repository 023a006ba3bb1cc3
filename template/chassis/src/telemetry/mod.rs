//! What the service shows of itself. It knows neither who serves nor what is
//! served.
//!
//! | file      | its concern                                        |
//! |-----------|----------------------------------------------------|
//! | `log`     | the log, to the terminal and to a file             |
//! | `sink`    | lines that wait for the thread that writes them    |
//! | `output`  | where it writes them to                            |
//! | `level`   | how much is logged                                 |
//! | `directives` | how much of single libraries                    |
//! | `records` | lines of libraries that log by the crate `log`     |
//! | `quota`   | a bound for the lines that strangers cause         |
//! | `libraries` | the same, of libraries                           |
//! | `format`  | how its lines look, as text and as JSON            |
//! | `ids`     | the request id and the trace of an RPC             |
//! | `call`    | counts and logs an RPC at its end                  |
//! | `panics`  | counts and logs panics                             |
//! | `methods` | what Prometheus is told of RPCs and calls          |
//! | `metrics` | what Prometheus is told of connections             |
//! | `process` | what Prometheus is told of the process             |
//! | `traces`  | spans to a collector (feature `otel`)              |

pub(crate) mod call;
pub mod directives;
mod format;
pub(crate) mod ids;
pub mod level;
mod libraries;
pub mod log;
pub(crate) mod methods;
pub(crate) mod metrics;
mod output;
pub mod panics;
mod process;
pub(crate) mod quota;
mod records;
mod sink;
#[cfg_attr(not(feature = "otel"), path = "no_traces.rs")]
pub(crate) mod traces;
