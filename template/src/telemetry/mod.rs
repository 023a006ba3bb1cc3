//! What the service shows of itself. It knows neither who serves nor what is
//! served.
//!
//! | file      | its concern                                        |
//! |-----------|----------------------------------------------------|
//! | `log`     | the log and its level                              |
//! | `format`  | how its lines look, as text and as JSON            |
//! | `ids`     | the request id and the trace of an RPC             |
//! | `call`    | counts and logs an RPC at its end                  |
//! | `panics`  | counts and logs panics                             |
//! | `metrics` | what Prometheus is told of connections and RPCs    |
//! | `process` | what Prometheus is told of the process             |
//! | `traces`  | spans to a collector (feature `otel`)              |

pub(crate) mod call;
mod format;
pub(crate) mod ids;
pub mod log;
pub(crate) mod metrics;
pub mod panics;
mod process;
#[cfg_attr(not(feature = "otel"), path = "no_traces.rs")]
pub(crate) mod traces;
