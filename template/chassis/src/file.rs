//! Files that an operator names: read, or told what is wrong with them.

use std::{
    fmt::Display,
    fs, io,
    path::{Path, PathBuf},
};

use tracing::warn;

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It does not hold what it should.
    #[error("{} {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { path, source }
    }

    /// `reason` goes on where the name of the file ends, such as "is empty".
    pub(crate) fn content(path: &Path, reason: impl Display) -> Self {
        Self::Content {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::io(path, source))
}

/// Warns of a private key that every user of this machine may read or write.
pub(crate) fn warn_if_open(key: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(key).map_or(0, |key| key.permissions().mode());
        if mode & 0o007 != 0 {
            let key = key.display();
            warn!("{key} is open to every user of this machine: chmod o= {key}");
        }
    }
}
