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

/// The longest file that is read: a system's bundle of CAs has some 200 KiB.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Reads a file that is read again when it changes: no pipe, which would keep its reader
/// waiting the second time, and nothing that has no end.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let io = |source| Error::io(path, source);
    let kind = fs::metadata(path).map_err(io)?;
    if !(kind.is_file() || kind.is_dir()) {
        let reason = "is no regular file, which could be read again when it changes";
        return Err(Error::content(path, reason));
    }
    if kind.len() > LONGEST {
        let reason = format_args!("is larger than {} MiB", LONGEST >> 20);
        return Err(Error::content(path, reason));
    }
    fs::read(path).map_err(io)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        for (path, reason) in [
            (Path::new("/dev/zero"), "is no regular file"),
            (directory.path(), "Is a directory"),
        ] {
            let error = read(path).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_file_without_an_end_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(LONGEST).unwrap();
        assert_eq!(read(file.path()).unwrap().len() as u64, LONGEST);
        file.as_file().set_len(LONGEST + 1).unwrap();
        let error = read(file.path()).unwrap_err().to_string();
        assert!(error.ends_with("is larger than 16 MiB"), "{error}");
    }
}
