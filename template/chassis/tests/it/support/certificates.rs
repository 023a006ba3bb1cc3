//! A certificate authority for one test, and what it signs.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use chassis::testing::Child;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject},
    },
};
use tonic::{
    Status,
    transport::{Certificate, Channel, ClientTlsConfig, Identity},
};

use super::{Stub, echoing, running};

/// PEM files in a directory that lasts as long as this.
pub struct Certificates {
    dir: TempDir,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Certificates {
    /// `ca.pem`; `server.pem` and `client.pem` signed by it, with their keys.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        let certificates = Self { dir, ca };
        certificates.issue("server");
        certificates.issue("client");
        certificates
    }

    /// Signs a new certificate for localhost: `<name>.pem` and `<name>.key`.
    pub fn issue(&self, name: &str) {
        self.issue_until(name, 2999);
    }

    /// The same, to expire with the first day of `year`.
    pub fn issue_until(&self, name: &str, year: i32) {
        let names = ["localhost".into(), "127.0.0.1".into()];
        let mut params = CertificateParams::new(names).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        self.sign(name, &params);
    }

    /// The same, to be valid from the first day of `year` on.
    pub fn issue_from(&self, name: &str, year: i32) {
        let mut params = CertificateParams::new(["localhost".into()]).unwrap();
        params.not_before = date_time_ymd(year, 1, 1);
        params.not_after = date_time_ymd(2999, 1, 1);
        self.sign(name, &params);
    }

    fn sign(&self, name: &str, params: &CertificateParams) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.ca).unwrap();
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        let path = self.path(&format!("{name}.key"));
        fs::write(&path, key.serialize_pem()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Signs a new certificate for a caller of these names.
    pub fn issue_to(&self, name: &str, names: impl IntoIterator<Item = SanType>) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.into_iter().collect();
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(name, &params);
    }

    /// Starts a service that shows `server.pem`, with `more` flags.
    pub fn service(&self, more: &[&str]) -> Child {
        let [cert, key] = ["server.pem", "server.key"].map(|file| self.arg(file));
        let tls = ["--usetls", "--certfile", &cert, "--privkeyfile", &key];
        running(&[&tls, more].concat())
    }

    /// Connects as somebody who trusts this CA, and has the certificate `identity`.
    pub async fn channel(
        &self,
        address: &str,
        identity: Option<&str>,
    ) -> Result<Channel, tonic::transport::Error> {
        let read = |file: &str| fs::read(self.path(file)).unwrap();
        let mut tls = ClientTlsConfig::new()
            .domain_name("localhost")
            .ca_certificate(Certificate::from_pem(read("ca.pem")));
        if let Some(name) = identity {
            let [cert, key] = ["pem", "key"].map(|kind| read(&format!("{name}.{kind}")));
            tls = tls.identity(Identity::from_pem(cert, key));
        }
        let endpoint = Channel::from_shared(format!("https://{address}")).unwrap();
        endpoint.tls_config(tls)?.connect().await
    }

    /// What it answers on a connection of its own, asked to echo "over TLS".
    pub async fn echo(&self, address: &str, identity: Option<&str>) -> Result<String, Status> {
        let channel = self.channel(address, identity).await;
        let channel = channel.map_err(|error| Status::unavailable(format!("{error:?}")))?;
        let reply = Stub::new(channel).unary(echoing("over TLS")).await?;
        Ok(reply.into_inner().payload)
    }

    /// The certificate that is served at `address`.
    pub async fn served(&self, address: &str) -> CertificateDer<'static> {
        let tls = self.tls(address).await;
        let (_, session) = tls.get_ref();
        session.peer_certificates().unwrap()[0].clone()
    }

    /// Connects, and says nothing once the handshake is done.
    pub async fn tls(&self, address: &str) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der("ca.pem")).unwrap();
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name, tcp).await.unwrap()
    }

    /// The first bytes of a client that shakes hands.
    pub async fn tls_greeting(&self) -> Vec<u8> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let greeting = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut greeting = vec![0; 5];
            tcp.read_exact(&mut greeting).await.unwrap();
            let length = u16::from_be_bytes([greeting[3], greeting[4]]);
            greeting.resize(5 + usize::from(length), 0);
            tcp.read_exact(&mut greeting[5..]).await.unwrap();
            greeting
        };
        tokio::select! {
            greeting = greeting => greeting,
            _ = self.tls(&address) => unreachable!("nobody answers it"),
        }
    }

    /// The first certificate in `file`.
    pub fn der(&self, file: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(file)).unwrap()
    }

    /// Where `file` is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// The same as a string, for a command line.
    pub fn arg(&self, file: &str) -> String {
        self.path(file).to_str().unwrap().into()
    }
}
