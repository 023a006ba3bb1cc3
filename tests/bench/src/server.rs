//! A server as a child process, and what the kernel says of it.

use std::{
    ffi::OsString,
    fs, io,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use tokio_rustls::rustls::ClientConfig;

use crate::{cpu, http2::Connection, wire};

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// How to start a server, and what to ask it.
#[derive(Clone)]
pub struct Target {
    pub name: &'static str,
    pub binary: PathBuf,
    /// What stands before the port on its command line.
    pub arguments: Vec<OsString>,
    /// Of the RPC that echoes.
    pub path: &'static str,
    /// How to speak to it, where that is over TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// That may run at a time: workers of tokio, or of Go.
    pub threads: usize,
}

/// A server that runs; it ends with this value.
pub struct Server {
    child: Child,
    pub port: u16,
    /// From before the process started to the first answer.
    pub startup: Duration,
}

impl Target {
    /// Starts the server, behind `wrapper` (a command and its arguments), and waits for
    /// the answer to a first RPC.
    pub async fn start(&self, wrapper: &[OsString]) -> io::Result<Server> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = match wrapper.split_first() {
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(&self.binary);
                command
            }
            None => Command::new(&self.binary),
        };
        command.args(&self.arguments).arg(port.to_string());
        for threads in ["TOKIO_WORKER_THREADS", "GOMAXPROCS"] {
            command.env(threads, self.threads.to_string());
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        let begin = Instant::now();
        let mut server = Server {
            child: command.spawn()?,
            port,
            startup: Duration::ZERO,
        };
        loop {
            match self.answer(port).await {
                Ok(()) => break,
                Err(error) if begin.elapsed() > PATIENCE => return Err(error),
                // tokio's timer would only tick once a millisecond.
                Err(_) => thread::sleep(Duration::from_micros(100)),
            }
            if let Some(status) = server.child.try_wait()? {
                let what = format!("{} ended at its start: {status}", self.binary.display());
                return Err(io::Error::other(what));
            }
        }
        server.startup = begin.elapsed();
        Ok(server)
    }

    async fn answer(&self, port: u16) -> io::Result<()> {
        self.connect(port).await?.call(1, 1, None).await.map(drop)
    }

    /// A connection to it, once it listens on `port`.
    pub async fn connect(&self, port: u16) -> io::Result<Connection> {
        let wire = wire::connect(port, self.tls.as_ref()).await?;
        Ok(Connection::new(wire, self.path))
    }
}

impl Server {
    /// CPU time that its threads have had so far.
    pub fn cpu(&self) -> io::Result<Duration> {
        cpu::of(&self.child.id().to_string())
    }

    /// Resident memory in bytes.
    pub fn memory(&self) -> io::Result<u64> {
        self.status("VmRSS:")
    }

    /// The most that it has been.
    pub fn peak_memory(&self) -> io::Result<u64> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"))
            .and_then(|kb| kb.parse::<u64>().ok())
            .map(|kb| kb * 1024)
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Ends it by a signal, so that what watches it can write down what it saw.
    pub fn interrupt(mut self) -> io::Result<()> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-INT", &id]).status()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
