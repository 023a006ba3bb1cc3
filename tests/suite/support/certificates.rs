//! A CA, and what it has signed for a server and for a client.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// PEM files, as long as this lives.
pub struct Certificates(TempDir);

impl Certificates {
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        // OpenSSL takes a certificate whose issuer is called like itself for self-signed.
        authority
            .distinguished_name
            .push(DnType::CommonName, "CA of the tests");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let write =
            |name: &str, text: String| fs::write(directory.path().join(name), text).unwrap();
        write("ca.pem", authority.pem());
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new(["localhost".into()])
                .unwrap()
                .signed_by(&key, &authority)
                .unwrap();
            write(&format!("{name}.pem"), certificate.pem());
            write(&format!("{name}.key"), key.serialize_pem());
        }
        Self(directory)
    }

    /// The path of `ca.pem`, `server.pem`, `server.key`, `client.pem` or `client.key`.
    pub fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().into()
    }

    /// What tells a service to use them.
    pub fn flags(&self) -> [String; 5] {
        let [certificate, key] = ["server.pem", "server.key"].map(|name| self.file(name));
        [
            "--usetls".into(),
            "--certfile".into(),
            certificate,
            "--privkeyfile".into(),
            key,
        ]
    }
}
