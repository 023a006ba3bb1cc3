//! What is measured, as it was built: binaries in one directory.

use std::path::{Path, PathBuf};

use crate::{server::Target, tls};

pub const SERVICE: &str = "service";
pub const BARE: &str = "bare tonic";
pub const OFF: &str = "all off";
pub const GO: &str = "grpc-go";
pub const CONNECT: &str = "connectrpc";
pub const VOLO: &str = "volo";

/// Where the echo of the servers in this package is, and that of the generated service.
const ECHO: &str = "/bench.v1.EchoService/Hello";
const HELLO: &str = "/order_book.v1.OrderBookService/Hello";

/// As many as the machines have that the figures in `docs/performance.md` are of.
const THREADS: usize = 2;

/// The directory.
pub struct Built(pub PathBuf);

impl Built {
    pub fn path(&self, binary: &str) -> PathBuf {
        self.0.join(binary)
    }

    pub fn service(&self) -> Target {
        Target {
            path: HELLO,
            ..self.server(SERVICE, "service", &["--port"])
        }
    }

    pub fn bare(&self) -> Target {
        self.server(BARE, "bare", &[])
    }

    pub fn off(&self) -> Target {
        self.server(OFF, "off", &[])
    }

    /// The service and what has all off, with the names of their functions.
    pub fn with_symbols(&self) -> [Target; 2] {
        [self.service(), self.off()].map(|mut target| {
            target.binary.as_mut_os_string().push("-symbols");
            target
        })
    }

    /// Those of others, as far as they could be built.
    pub fn peers(&self) -> Vec<Target> {
        let peers = [
            (GO, "go"),
            (CONNECT, "echo-connectrpc"),
            (VOLO, "echo-volo"),
        ];
        let peers = peers.map(|(name, binary)| self.server(name, binary, &[]));
        let built = peers.into_iter().filter(|peer| peer.binary.exists());
        built.collect()
    }

    /// The service and bare tonic over TLS.
    pub fn over_tls(&self, files: &tls::Files) -> [Target; 2] {
        let path = |path: &Path| path.to_path_buf().into_os_string();
        let (certificate, key) = (path(&files.certificate), path(&files.key));
        let mut service = self.service();
        service.arguments = vec![
            "--usetls".into(),
            "--certfile".into(),
            certificate.clone(),
            "--privkeyfile".into(),
            key.clone(),
            "--port".into(),
        ];
        let mut bare = self.server(BARE, "full", &[]);
        bare.arguments = vec![certificate, key];
        [service, bare].map(|target| Target {
            tls: Some(tls::client(true)),
            ..target
        })
    }

    /// The chassis and bare tonic, with streams beside the echo.
    pub fn streams(&self) -> [Target; 2] {
        [
            self.server(SERVICE, "streams-chassis", &["--port"]),
            self.server(BARE, "streams-bare", &[]),
        ]
    }

    fn server(&self, name: &'static str, binary: &str, arguments: &[&str]) -> Target {
        Target {
            name,
            binary: self.path(binary),
            arguments: arguments.iter().map(Into::into).collect(),
            path: ECHO,
            tls: None,
            threads: THREADS,
        }
    }
}
