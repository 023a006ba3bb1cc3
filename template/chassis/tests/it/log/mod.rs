//! The log, whatever becomes of it, and whoever causes its lines.

mod filter;
mod rotation;
mod strangers;
mod terminal;
mod trouble;

use std::{
    io::{BufRead, BufReader, PipeReader, pipe},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use chassis::testing::PATIENCE;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::program;

/// So much that a line tells of it, and half of what it could.
const GARBAGE: [u8; 64] = [0x1b; 64];

/// Greets `times` times with what is no HTTP/2; each is answered by the end of the connection.
async fn garbage(address: &str, times: u32) {
    for _ in 0..times {
        let mut tcp = TcpStream::connect(address).await.unwrap();
        tcp.write_all(&GARBAGE).await.unwrap();
        // It may be reset, where not all was read.
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    }
}

/// A service whose stderr is read no further than "Running".
struct Unread {
    process: Child,
    stderr: BufReader<PipeReader>,
    address: String,
    admin: String,
}

impl Unread {
    fn start(flags: &[&str]) -> Self {
        let (reader, writer) = pipe().unwrap();
        let mut command = program();
        command.args(["--admin-port", "0", "--drain-delay", "0s"]);
        let process = command.args(flags).stderr(writer).spawn().unwrap();
        // It holds the other end.
        drop(command);
        let mut service = Self {
            process,
            stderr: BufReader::new(reader),
            address: String::new(),
            admin: String::new(),
        };
        let after = |line: &str, text: &str| {
            let (_, rest) = line.split_once(text)?;
            Some(rest.split_whitespace().next()?.to_owned())
        };
        loop {
            let line = service.line();
            if let Some(address) = after(&line, "Admin listening on ") {
                service.admin = address;
            } else if let Some(address) = after(&line, "Listening on ") {
                service.address = address;
            } else if line.contains("Running") {
                return service;
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended");
        line
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success());
    }

    /// Stops it; returns how that went, and how long it took.
    fn stop(&mut self) -> (ExitStatus, Duration) {
        let start = Instant::now();
        self.signal("TERM");
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return (status, start.elapsed());
            }
            assert!(start.elapsed() < PATIENCE, "it does not stop");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
