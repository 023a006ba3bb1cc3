//! A service as a child process: started, asked, signalled, and read to its end.

use std::{
    env,
    ffi::OsStr,
    io::{self, BufRead, BufReader},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use crate::about::About;

/// How long anything that a test waits for may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The command that starts the service of `about` on a free port of 127.0.0.1: the
/// binary that `ITEST_BINARY` names, or else the one that was `built`.
pub fn command(about: &About, built: impl AsRef<OsStr>) -> Command {
    let given = env::var_os("ITEST_BINARY");
    let mut command = Command::new(given.as_deref().unwrap_or(built.as_ref()));
    command
        // Given twice, a flag would be an error; so these go by the environment.
        .env(about.variable("port"), "0")
        .env(about.variable("ip"), "127.0.0.1")
        // Built with `otel`, it would look for a collector.
        .env("OTEL_SDK_DISABLED", "true")
        // Whoever runs the tests may want more of other programs.
        .env_remove("RUST_LOG");
    command
}

/// A running service; ended when dropped.
#[derive(Debug)]
pub struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
    log: Vec<String>,
    port: u16,
}

impl Child {
    /// Starts `command`, a service whose log is to be read.
    pub fn spawn(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Shown only when the test fails.
                println!("{line}");
                let _ = sender.send(line);
            }
        });
        Self {
            process,
            lines,
            log: Vec::new(),
            port: 0,
        }
    }

    /// Waits for a log line that contains `text`, and returns it. Earlier lines count.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        if let Some(line) = self.log.iter().find(|line| line.contains(text)) {
            return line.clone();
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("never logged {text:?}, but:\n{}", self.log.join("\n"));
            };
            self.see(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for the end of the process; returns its exit status and its whole log.
    #[track_caller]
    pub fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.see(line),
                // It closed its log: it is about to end.
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    panic!("still running:\n{}", self.log.join("\n"));
                }
            }
        }
        let status = self.process.wait().unwrap();
        (status, std::mem::take(&mut self.log))
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = self.kill(name).unwrap();
        assert!(status.success(), "kill -s {name}: {status}");
    }

    fn kill(&self, name: &str) -> io::Result<ExitStatus> {
        Command::new("kill")
            .args(["-s", name, &self.id().to_string()])
            .status()
    }

    /// `host:port`, once it listens.
    pub fn address(&self) -> String {
        assert_ne!(self.port, 0, "not listening yet");
        format!("127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// `host:port` of its admin endpoints, once it listens there.
    pub fn admin(&mut self) -> String {
        let line = self.wait_for("Admin listening on ");
        let (_, address) = line.split_once("Admin listening on ").unwrap();
        address.into()
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn see(&mut self, line: String) {
        if let Some((_, address)) = line.split_once("Listening on ") {
            let address = address.split(' ').next().unwrap();
            let (_, port) = address.rsplit_once(':').unwrap();
            // A Unix socket has none.
            self.port = port.parse().unwrap_or(self.port);
        }
        self.log.push(line);
    }
}

impl Drop for Child {
    /// Two signals end it at once, yet leave it the time to write what it has measured: a coverage run
    /// counts its lines, too.
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let end = Instant::now() + PATIENCE;
            let left = || end.saturating_duration_since(Instant::now());
            // Different ones, since two of a kind may arrive as one.
            let signalled = self.kill("TERM").and(self.kill("INT"));
            // Its log ends with it.
            while signalled.is_ok() && self.lines.recv_timeout(left()).is_ok() {}
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
