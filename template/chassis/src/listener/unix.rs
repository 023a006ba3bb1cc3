//! A Unix socket to listen on: a file, for callers on the same machine.

use std::{
    fs::{self, Metadata, Permissions},
    io::{self, ErrorKind},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream as Blocking,
    },
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener as Socket, UnixSocket, UnixStream};
use tracing::warn;

use super::failed;
use crate::remote::Remote;

/// As many connections may wait as the system lets (net.core.somaxconn).
const BACKLOG: u32 = i32::MAX as u32;

/// The socket can't be had.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on unix:{}: {reason}", .path.display())]
pub struct Error {
    path: PathBuf,
    reason: String,
}

/// A bound socket. Its file is removed with it.
pub(crate) struct UnixListener {
    socket: Socket,
    path: PathBuf,
    /// Which file it is: by then another process may have one of this name.
    file: (u64, u64),
}

impl UnixListener {
    /// Listens at `path`, for those whom the permissions `mode` let in.
    pub(crate) fn bind(path: &Path, mode: u32) -> Result<Self, Error> {
        let listening = || {
            remove_stale(path)?;
            let socket = UnixSocket::new_stream()?;
            socket.bind(path)?;
            // Before it listens: nobody is let in whom this keeps out.
            fs::set_permissions(path, Permissions::from_mode(mode))?;
            let socket = socket.listen(BACKLOG)?;
            Ok(Self {
                socket,
                path: path.into(),
                file: identity(&fs::symlink_metadata(path)?),
            })
        };
        listening().map_err(|error: io::Error| Error {
            path: path.into(),
            reason: error.to_string(),
        })
    }

    /// The next connection, and which user it is with.
    pub(crate) async fn accept(&self) -> (UnixStream, Remote) {
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => {
                    let uid = stream.peer_cred().map(|cred| cred.uid());
                    return (stream, Remote::Unix(uid.ok()));
                }
                Err(error) => failed(error).await,
            }
        }
    }
}

impl Drop for UnixListener {
    fn drop(&mut self) {
        let is_ours = |file: &Metadata| identity(file) == self.file;
        if fs::symlink_metadata(&self.path).is_ok_and(|file| is_ours(&file))
            && let Err(reason) = fs::remove_file(&self.path)
        {
            warn!("Can't remove {}: {reason}", self.path.display());
        }
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// Removes what a process left behind that could not do so itself.
fn remove_stale(path: &Path) -> io::Result<()> {
    let file = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    if !file.file_type().is_socket() {
        return Err(io::Error::other("there is a file that is no socket"));
    }
    match Blocking::connect(path) {
        Ok(_) => Err(io::Error::other("another process listens there")),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::mem;

    use super::*;

    #[tokio::test]
    async fn the_file_has_the_mode_that_was_asked_for_and_goes_with_the_listener() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        for mode in [0o600, 0o666] {
            let listener = UnixListener::bind(&path, mode).unwrap();
            let file = fs::symlink_metadata(&path).unwrap();
            assert_eq!(file.permissions().mode() & 0o777, mode);
            drop(listener);
            assert!(!path.exists());
        }
    }

    #[tokio::test]
    async fn what_is_left_of_another_process_is_replaced_and_who_listens_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let first = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = UnixListener::bind(&path, 0o600).err().unwrap();
        let expected = format!(
            "can't listen on unix:{}: another process listens there",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
        drop(first);
        assert!(path.exists());
        let second = UnixListener::bind(&path, 0o600).unwrap();
        Blocking::connect(&path).unwrap();
        // And what is not its own it leaves alone.
        fs::remove_file(&path).unwrap();
        let third = UnixListener::bind(&path, 0o600).unwrap();
        drop(second);
        Blocking::connect(&path).unwrap();
        mem::drop(third);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        fs::write(&path, "data").unwrap();
        let error = UnixListener::bind(&path, 0o600).err().unwrap();
        assert!(
            error
                .to_string()
                .ends_with("there is a file that is no socket")
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "data");
    }
}
