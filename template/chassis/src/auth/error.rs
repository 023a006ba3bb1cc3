//! Why it can't be told who may call.

use std::io;

use crate::file;

/// Why it can't be told who may call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be used.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The system does not let the process listen for SIGHUP.
    #[error("can't listen for SIGHUP: {0}")]
    Signal(#[from] io::Error),
}
