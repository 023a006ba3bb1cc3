//! Counts per RPC, which the noise of a machine does not move: system calls that write, by
//! strace, and instructions, by valgrind. Both come from two runs of different lengths, so
//! that start and handshake fall out.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

use crate::{load::count, server::Target};

/// RPCs of the short run.
pub const SHORT: usize = 500;

/// A tool that counts.
#[derive(Clone, Copy)]
pub enum Tool {
    Strace,
    Callgrind,
}

impl Tool {
    /// Counts per RPC, with `in_flight` of them on one connection.
    pub async fn per_rpc(self, target: &Target, in_flight: usize) -> io::Result<f64> {
        // How many replies share a write differs from one to the next.
        let more = match self {
            Self::Strace => 10_000,
            Self::Callgrind => 2000,
        };
        let short = self.report(target, in_flight, SHORT).await?;
        let long = self.report(target, in_flight, SHORT + more).await?;
        let total = |report: &str| self.total(report).unwrap_or_default();
        Ok((total(&long) - total(&short)) / count(more))
    }

    /// What it writes about so many `rpcs`.
    pub async fn report(
        self,
        target: &Target,
        in_flight: usize,
        rpcs: usize,
    ) -> io::Result<String> {
        let report = env::temp_dir().join(format!("bench.{}", process::id()));
        let server = target.start(&self.command(&report)).await?;
        let mut connection = target.connect(server.port).await?;
        connection.call(in_flight, rpcs, None).await?;
        drop(connection);
        server.interrupt()?;
        let written = self.read(&report);
        let _ = fs::remove_file(&report);
        written
    }

    fn command(self, report: &Path) -> Vec<std::ffi::OsString> {
        let mut command: Vec<_> = match self {
            // -D: the server is the child, and strace the grandchild.
            Self::Strace => "strace -D -f -c -e trace=write,writev,sendto,sendmsg -o",
            Self::Callgrind => "valgrind --quiet --tool=callgrind",
        }
        .split(' ')
        .map(Into::into)
        .collect();
        match self {
            Self::Strace => command.push(report.into()),
            Self::Callgrind => {
                let mut flag = std::ffi::OsString::from("--callgrind-out-file=");
                flag.push(report);
                command.push(flag);
            }
        }
        command
    }

    fn read(self, report: &PathBuf) -> io::Result<String> {
        // strace writes after the server ended.
        for _ in 0..200 {
            let text = fs::read_to_string(report).unwrap_or_default();
            if self.total(&text).is_some() {
                return Ok(text);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(io::Error::other("no counts were written"))
    }

    fn total(self, report: &str) -> Option<f64> {
        report.lines().find_map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            match (self, &words[..]) {
                (Self::Strace, [_, _, _, calls, .., "total"])
                | (Self::Callgrind, ["totals:", calls]) => calls.parse().ok(),
                _ => None,
            }
        })
    }
}
