//! Why there is no way to a service.

use crate::file;

/// Why there is no way to a service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be used: of TLS, or of a token.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The address can't be used.
    #[error("can't set up the connection to {address}: {reason}")]
    Setup {
        /// The service's address.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// Nobody answered at the address.
    #[error("can't connect to {address} ({attempts} attempts): {reason}")]
    Connect {
        /// The service's address.
        address: String,
        /// How many attempts were made.
        attempts: u32,
        /// Why the last one failed.
        reason: String,
    },
}
