//! A generated service, running.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// How long a service may take for anything: far more than it ever needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A child process, killed when dropped.
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A child process that serves on a port of its own, killed when dropped.
pub struct Service {
    child: Killed,
    lines: Receiver<String>,
    log: String,
    port: u16,
}

impl Service {
    /// Starts `binary` with `arguments` on a free port, and waits until it is Running.
    pub fn start(binary: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary)
            .args(["--ip", "127.0.0.1", "--port", "0"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                // Nobody listens any more once the service is dropped.
                let _ = sender.send(line);
            }
        });
        let mut service = Self {
            child: Killed(child),
            lines,
            log: String::new(),
            port: 0,
        };
        let listening = service.waits_for("Listening on ");
        let address = listening.split_whitespace().next().unwrap();
        service.port = address.rsplit(':').next().unwrap().parse().unwrap();
        service.waits_for("Running");
        service
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends SIGTERM, and waits for the end.
    pub fn stop(mut self) -> (ExitStatus, String) {
        let pid = Pid::from_child(&self.child.0);
        kill_process(pid, Signal::TERM).unwrap();
        // The log ends with the process.
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.log += &(line + "\n"),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("still running:\n{}", self.log),
            }
        }
        (self.child.0.wait().unwrap(), self.log)
    }

    /// Returns what follows `text` in the first line that holds it.
    fn waits_for(&mut self, text: &str) -> String {
        loop {
            let line = self
                .lines
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("no {text:?}: {error}\n{}", self.log));
            self.log += &(line.clone() + "\n");
            if let Some((_, rest)) = line.split_once(text) {
                return rest.into();
            }
        }
    }
}
