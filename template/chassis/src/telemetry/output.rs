//! Where the lines of the log end up: stderr, or a file that may be opened again.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::fd::AsFd,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::file;

/// Bytes to write at once: as many as go into a pipe in one piece (`PIPE_BUF` of
/// pipe(7)), so that the lines of several processes never mix within.
const PIECE: usize = 4096;

/// Before the next attempt at a terminal or pipe that its owner made non-blocking.
const RETRY: Duration = Duration::from_millis(10);

/// A file that lines are written to.
pub(super) struct Output {
    file: File,
    /// Where to find it again; of stderr nothing is known.
    path: Option<PathBuf>,
    /// A write was cut short within a line.
    torn: bool,
}

/// Why lines were lost, and how many.
pub(super) struct Lost {
    pub(super) reason: io::Error,
    pub(super) lines: u64,
}

impl Output {
    /// The standard error of this process.
    pub(super) fn stderr() -> Result<Self, file::Error> {
        // Apart from the lock of `io::stderr`: whoever holds that while the pipe is
        // full stops everybody else who prints.
        let own = io::stderr().as_fd().try_clone_to_owned();
        let own = own.map_err(|source| file::Error::io(Path::new("stderr"), source))?;
        Ok(Self::new(own.into(), None))
    }

    /// The file `name` in `dir`, which is made where there is none; it is appended to.
    pub(super) fn in_dir(dir: &Path, name: &str) -> Result<Self, file::Error> {
        fs::create_dir_all(dir).map_err(|source| no_directory(dir, source))?;
        let path = dir.join(name);
        let file = append(&path).map_err(|source| file::Error::io(&path, source))?;
        Ok(Self::new(file, Some(path)))
    }

    fn new(file: File, path: Option<PathBuf>) -> Self {
        let torn = false;
        Self { file, path, torn }
    }

    /// How people call it.
    pub(super) fn name(&self) -> String {
        let path = self.path.as_deref();
        path.map_or_else(|| "stderr".into(), |path| path.display().to_string())
    }

    /// Opens the file anew, at the path where it was before; says whether there is one.
    /// It goes on with the old one where that fails.
    pub(super) fn reopen(&mut self) -> io::Result<bool> {
        let Some(path) = &self.path else {
            return Ok(false);
        };
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        self.file = append(path)?;
        self.torn = false;
        Ok(true)
    }

    /// Writes whole lines, however long that takes.
    pub(super) fn write(&mut self, mut lines: &[u8]) -> Result<(), Lost> {
        let outcome = self.end_torn_line().and_then(|()| {
            while !lines.is_empty() {
                let mut piece = &lines[..piece(lines)];
                while !piece.is_empty() {
                    let written = self.write_some(piece)?;
                    piece = &piece[written..];
                    lines = &lines[written..];
                    self.torn = !piece.is_empty();
                }
            }
            Ok(())
        });
        outcome.map_err(|reason| Lost {
            reason,
            lines: count(lines),
        })
    }

    fn end_torn_line(&mut self) -> io::Result<()> {
        if self.torn {
            self.write_some(b"\n")?;
            self.torn = false;
        }
        Ok(())
    }

    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(RETRY),
                outcome => return outcome,
            }
        }
    }
}

/// The number of lines, each of which ends in a line feed.
pub(super) fn count(lines: &[u8]) -> u64 {
    lines.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

/// The length of the whole lines to write at once: one at least.
fn piece(lines: &[u8]) -> usize {
    let ends = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
    let end = lines.get(..PIECE).map_or(Some(lines.len() - 1), ends);
    let end = end.or_else(|| lines.iter().position(|byte| *byte == b'\n'));
    end.map_or(lines.len(), |end| end + 1)
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Names the file that is in the way of a directory.
fn no_directory(dir: &Path, source: io::Error) -> file::Error {
    match dir.ancestors().find(|path| path.exists()) {
        Some(file) if !file.is_dir() => file::Error::content(file, "is not a directory"),
        _ => file::Error::io(dir, source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_lines_that_a_pipe_takes_at_once() {
        let long = [b"x".repeat(5000), b"\n".to_vec()].concat();
        let lines = b"0123456789\n".repeat(1000);
        assert_eq!(piece(b"one\ntwo\n"), 8);
        assert_eq!(piece(&lines), 4092);
        assert_eq!(piece(&long), 5001);
        assert_eq!(piece(&[&long[..], b"next\n"].concat()), 5001);
        assert_eq!(piece(&[b"first\n", &long[..]].concat()), 6);
    }

    #[test]
    fn what_a_full_disk_does_not_take_is_counted() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut output = Output::new(file, None);
        let lost = output.write(b"one\ntwo\n").err().unwrap();
        assert_eq!(lost.lines, 2);
        assert_eq!(lost.reason.kind(), ErrorKind::StorageFull);
    }
}
