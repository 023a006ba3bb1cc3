//! Why a caller is not let in.

use tonic::Status;

/// Why a caller is not let in. In a box, since there is one with few RPCs only.
#[derive(Debug)]
pub(crate) struct Denied {
    /// For the metrics: one of [`denied`](super::denied()).
    pub(crate) label: &'static str,
    /// For the log.
    pub(crate) reason: String,
    /// What the caller is told.
    pub(crate) status: Status,
}
