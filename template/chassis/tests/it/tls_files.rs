//! TLS files that look right and are not: each is refused by one sentence that names the file, the
//! line and what to do. Servers, clients, dry runs and reloads say the same.

use std::{fs, path::Path, process::Command};

use chassis::{channel, server, tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ED25519,
};
use tempfile::TempDir;

use crate::support::{InProcess, certificates::Certificates, start};

/// A root, an intermediate and a leaf, as PEM.
struct Chain {
    dir: TempDir,
    root: String,
    intermediate: String,
    leaf: String,
    key: String,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Chain {
    fn new() -> Self {
        let pair = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(authority("root"), pair()).unwrap();
        let intermediate =
            CertifiedIssuer::signed_by(authority("intermediate"), pair(), &root).unwrap();
        let key = pair();
        let mut params = CertificateParams::new(["localhost".into()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "leaf");
        let leaf = params.signed_by(&key, &intermediate).unwrap();
        Self {
            dir: TempDir::new().unwrap(),
            root: root.pem(),
            intermediate: intermediate.pem(),
            leaf: leaf.pem(),
            key: key.serialize_pem(),
        }
    }

    /// The three files of a peer. What is there is written; the rest is as it should be.
    fn server(&self, cert: &[u8], key: &[u8], ca: &[u8]) -> Result<(), String> {
        let [cert, key, ca] = self.write(cert, key, ca);
        let settings = server::Settings {
            tls: tls::Settings {
                enabled: true,
                certfile: Some(cert.into()),
                privkeyfile: Some(key.into()),
                cafile: Some(ca.into()),
                ..tls::Settings::default()
            },
            ..InProcess::settings(&[])
        };
        settings.check().map_err(|error| error.to_string())
    }

    fn client(&self, cert: &[u8], key: &[u8], ca: &[u8]) -> Result<(), String> {
        let [cert, key, ca] = self.write(cert, key, ca);
        let settings = channel::Settings {
            tls: Some(channel::Tls {
                cafile: ca.into(),
                identity: Some((cert.into(), key.into())),
            }),
            ..channel::Settings::new("localhost", 1)
        };
        settings.check().map_err(|error| error.to_string())
    }

    fn write(&self, cert: &[u8], key: &[u8], ca: &[u8]) -> [String; 3] {
        [("cert", cert), ("key", key), ("ca", ca)].map(|(name, content)| {
            let path = self.dir.path().join(name);
            fs::write(&path, content).unwrap();
            path.to_str().unwrap().into()
        })
    }

    fn good(&self) -> [Vec<u8>; 3] {
        let chain = format!("{}{}", self.leaf, self.intermediate);
        [chain, self.key.clone(), self.root.clone()].map(String::into_bytes)
    }

    /// A server and a client both refuse the files, and say just this; `DIR` is where they are.
    #[track_caller]
    fn refused(&self, cert: &[u8], key: &[u8], ca: &[u8], expected: &str) {
        let dir = self.dir.path().to_str().unwrap();
        let expected = expected.replace("DIR", dir);
        for outcome in [self.server(cert, key, ca), self.client(cert, key, ca)] {
            let said = outcome.expect_err(&expected);
            assert!(
                said.starts_with(&expected),
                "{said}\ninstead of\n{expected}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}

fn relabel(pem: &str, label: &str) -> String {
    pem.replace("CERTIFICATE", label)
}

fn lines(text: &str) -> usize {
    text.lines().count()
}

#[test]
fn a_chain_that_would_be_served_in_part_is_refused() {
    let files = Chain::new();
    let Chain {
        leaf,
        intermediate,
        key,
        ..
    } = &files;
    let [_, secret, ca] = files.good();
    let (end, second) = (lines(leaf), lines(leaf) + 1);
    let cases = [
        (
            format!("{}{intermediate}", leaf.trim_end()),
            format!(
                "DIR/cert line {end}: END and the next BEGIN share the line, which needs a \
                 newline between them: sed -i 's/----------/-----\\n-----/' DIR/cert"
            ),
        ),
        (
            format!("{leaf}{}", relabel(intermediate, "TRUSTED CERTIFICATE")),
            format!(
                "DIR/cert line {second}: TRUSTED CERTIFICATE, where a CERTIFICATE is expected: \
                 openssl x509 -in DIR/cert -out DIR/cert.plain"
            ),
        ),
        (
            format!("{leaf}{key}"),
            format!(
                "DIR/cert line {second}: PRIVATE KEY, where a CERTIFICATE is expected: the key \
                 belongs in a file of its own: openssl pkey -in DIR/cert -out DIR/cert.key"
            ),
        ),
        (
            relabel(leaf, "CERTIFICATE REQUEST"),
            "DIR/cert line 1: CERTIFICATE REQUEST, where a CERTIFICATE is expected: a CA makes"
                .into(),
        ),
        (
            format!("{leaf}{}", relabel(intermediate, "PKCS7")),
            format!(
                "DIR/cert line {second}: PKCS7, where a CERTIFICATE is expected: openssl pkcs7"
            ),
        ),
        (
            format!("{leaf}{}", relabel(intermediate, "X509 CRL")),
            format!(
                "DIR/cert line {second}: X509 CRL, where a CERTIFICATE is expected: \
                 openssl crl2pkcs7 -nocrl -certfile DIR/cert | openssl pkcs7 -print_certs"
            ),
        ),
        (
            format!("{leaf}MIIB\n"),
            format!("DIR/cert line {second}: text after the last END, which nobody reads"),
        ),
        (
            format!("{leaf} {intermediate}"),
            format!("DIR/cert line {second}: BEGIN and END need a line of their own"),
        ),
        (
            leaf.replace("-----END CERTIFICATE-----\n", ""),
            "DIR/cert line 1: CERTIFICATE has no END: the file is cut off".into(),
        ),
        (
            format!(
                "{}{intermediate}",
                leaf.replace("-----END CERTIFICATE-----\n", "")
            ),
            format!("DIR/cert line {end}: CERTIFICATE of line 1 has no END before this"),
        ),
        (
            format!(
                "{leaf}{}",
                intermediate.replace("-----BEGIN CERTIFICATE-----\n", "")
            ),
            format!(
                "DIR/cert line {}: END CERTIFICATE without its BEGIN",
                end + lines(intermediate) - 1
            ),
        ),
        (
            leaf.replacen('M', "!", 1),
            "DIR/cert line 2: is not base64".into(),
        ),
        (leaf.replacen("MII", "MI", 1), "DIR/cert line 1: ".into()),
        (
            "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".into(),
            "DIR/cert line 1: not a certificate (".into(),
        ),
        (String::new(), "DIR/cert is empty".into()),
        (
            "nothing of the kind\n".into(),
            "DIR/cert holds no certificate (PEM)".into(),
        ),
    ];
    for (cert, expected) in cases {
        files.refused(cert.as_bytes(), &secret, &ca, &expected);
    }
}

#[test]
fn the_key_has_to_be_that_of_the_first_certificate() {
    let files = Chain::new();
    let [chain, secret, ca] = files.good();
    let reversed = format!("{}{}", files.intermediate, files.leaf);
    let second = lines(&files.intermediate) + 1;
    let first = format!(
        "DIR/cert line {second}: the certificate of DIR/key has to be the first of the chain: \
         move it to the top"
    );
    files.refused(reversed.as_bytes(), &secret, &ca, &first);

    let other = Chain::new().key;
    let alien = "DIR/key is not the key of DIR/cert: openssl pkey -in DIR/key -pubout and \
                 openssl x509 -in DIR/cert -noout -pubkey have to print the same";
    files.refused(&chain, other.as_bytes(), &ca, alien);

    let two = format!("{}{other}", files.key);
    let line = lines(&files.key) + 1;
    let second = format!("DIR/key line {line}: a second private key, after that of line 1: keep");
    files.refused(&chain, two.as_bytes(), &ca, &second);
}

#[test]
fn a_key_that_can_not_be_used_is_told_by_its_kind() {
    let files = Chain::new();
    let [chain, _, ca] = files.good();
    let encrypted = "DIR/key line 2: the private key is encrypted, and nobody here knows its \
                     passphrase: openssl pkey -in DIR/key -out DIR/key.plain";
    let other = |kind: &str| {
        format!(
            "DIR/key is {kind}, which can't be used; RSA of 2048 to 4096 bits, P-256, P-384 and \
             Ed25519 can. A new key: openssl genpkey -algorithm EC \
             -pkeyopt ec_paramgen_curve:P-256 -out DIR/key, and"
        )
    };
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/keys");
    for (name, expected) in [
        ("encrypted", encrypted.to_owned()),
        ("legacy", encrypted.to_owned()),
        ("p521", other("a P-521 key")),
        ("rsa1024", other("an RSA key of 1024 bits")),
        ("rsa8192", other("an RSA key of 8192 bits")),
    ] {
        let key = fs::read(committed.join(format!("{name}.pem"))).unwrap();
        files.refused(&chain, &key, &ca, &expected);
    }

    let relabel = |label: &str| files.key.replace("PRIVATE KEY", label);
    for (key, expected) in [
        (
            files.leaf.clone(),
            "line 1: CERTIFICATE, where a PRIVATE KEY is expected",
        ),
        (
            relabel("PUBLIC KEY"),
            "line 1: PUBLIC KEY, where a PRIVATE KEY is expected",
        ),
        (
            relabel("OPENSSH PRIVATE KEY"),
            "line 1: a key of OpenSSH: ssh-keygen -p -m PKCS8 -f",
        ),
        (
            relabel("RSA PRIVATE KEY"),
            "is no private key, or damaged: openssl pkey -in DIR/key",
        ),
        (relabel("EC PARAMETERS"), "holds no private key (PEM)"),
        (String::new(), "is empty"),
    ] {
        files.refused(&chain, key.as_bytes(), &ca, &format!("DIR/key {expected}"));
    }
}

#[test]
fn a_file_that_is_not_pem_is_told_by_what_it_is() {
    let files = Chain::new();
    let [chain, secret, ca] = files.good();
    let der = |pem: &str| pem_der(pem);
    let utf16 = |text: &[u8]| {
        let units = text.iter().flat_map(|byte| [*byte, 0]);
        [0xff, 0xfe].into_iter().chain(units).collect::<Vec<_>>()
    };
    let marked = |text: &[u8]| [b"\xef\xbb\xbf", text].concat();
    let mark = "begins with a byte order mark: sed -i '1s/^\\xEF\\xBB\\xBF//' DIR/";
    let wide = "is UTF-16, with a byte order mark: iconv -f UTF-16 -t UTF-8 DIR/";
    let binary = "is binary (DER) and not PEM: openssl";

    let name = |file: &str, said: &str| format!("DIR/{file} {said}");
    let at = |file: &str, said: &str| format!("DIR/{file} {said}{file}");
    files.refused(&marked(&chain), &secret, &ca, &at("cert", mark));
    files.refused(&chain, &marked(&secret), &ca, &at("key", mark));
    files.refused(&chain, &secret, &marked(&ca), &at("ca", mark));
    files.refused(&utf16(&chain), &secret, &ca, &at("cert", wide));
    files.refused(&chain, &utf16(&secret), &ca, &at("key", wide));
    let x509 = format!("{binary} x509 -inform DER -in DIR/cert -out DIR/cert.pem");
    files.refused(&der(&files.leaf), &secret, &ca, &name("cert", &x509));
    let pkey = format!("{binary} pkey -inform DER -in DIR/key -out DIR/key.pem");
    files.refused(&chain, &der(&files.key), &ca, &name("key", &pkey));
    let ed25519 = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    files.refused(&chain, ed25519.serialized_der(), &ca, &name("key", &pkey));
    // PKCS#12 begins with its version.
    let pkcs12 = [0x30, 3, 2, 1, 3];
    let said = format!("{binary} pkcs12 -nocerts -nodes -in DIR/key");
    files.refused(&chain, &pkcs12, &ca, &name("key", &said));
    let said = format!("{binary} pkcs12 -nokeys -in DIR/ca");
    files.refused(&chain, &secret, &pkcs12, &name("ca", &said));
}

fn pem_der(pem: &str) -> Vec<u8> {
    use tokio_rustls::rustls::pki_types::pem::{PemObject, SectionKind};
    let (_, der) = <(SectionKind, Vec<u8>)>::from_pem_slice(pem.as_bytes()).unwrap();
    der
}

#[test]
fn a_ca_file_has_to_hold_cas() {
    let files = Chain::new();
    let [chain, secret, _] = files.good();
    let leaf = format!("{}{}", files.root, files.leaf);
    let line = lines(&files.root) + 1;
    let issued = format!(
        "DIR/ca line {line}: a certificate that a CA issued, and not the CA's own: name that one \
         (openssl x509 -noout -issuer tells its name)"
    );
    let trusted = "DIR/ca line 1: TRUSTED CERTIFICATE, where a CERTIFICATE is expected: \
                   openssl x509 -in DIR/ca -out DIR/ca.plain";
    for (ca, expected) in [
        (String::new(), "DIR/ca is empty"),
        (" \n".into(), "DIR/ca is empty"),
        (leaf, &issued),
        (relabel(&files.root, "TRUSTED CERTIFICATE"), trusted),
        (files.key.clone(), "DIR/ca line 1: PRIVATE KEY, where"),
    ] {
        files.refused(&chain, &secret, ca.as_bytes(), expected);
    }
}

#[test]
fn what_openssl_and_editors_write_is_fine() {
    let files = Chain::new();
    let [chain, secret, ca] = files.good();
    let crlf = |pem: &[u8]| String::from_utf8(pem.into()).unwrap().replace('\n', "\r\n");
    let explained = format!(
        "# Our shop\nsubject=CN = leaf\n\n{}\nBag Attributes: <No Attributes>\n{}\n\n",
        files.leaf, files.intermediate
    );
    let parameters =
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let cut = chain.trim_ascii_end();
    for (cert, key, ca) in [
        (&chain[..], &secret[..], &ca[..]),
        (
            crlf(&chain).as_bytes(),
            crlf(&secret).as_bytes(),
            crlf(&ca).as_bytes(),
        ),
        (explained.as_bytes(), &secret, &ca),
        (cut, &[parameters.as_bytes(), &secret].concat(), &ca),
        (
            &chain,
            &secret,
            format!("{}{}", files.root, files.intermediate).as_bytes(),
        ),
    ] {
        files.server(cert, key, ca).unwrap();
        files.client(cert, key, ca).unwrap();
    }

    // Its own certificate, which no CA issued, may be trusted as it is.
    let own = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".into()]).unwrap();
    let own_pem = params.self_signed(&own).unwrap().pem();
    let (pem, key) = (own_pem.as_bytes(), own.serialize_pem());
    files.server(pem, key.as_bytes(), pem).unwrap();
    files.client(pem, key.as_bytes(), pem).unwrap();
}

#[test]
fn a_ca_whose_signatures_can_not_be_verified_is_told_by_its_key() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/keys");
    let files = Chain::new();
    let [chain, secret, _] = files.good();
    for (key, kind) in [
        ("p521", "a P-521 key"),
        ("rsa1024", "an RSA key of 1024 bits"),
    ] {
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-subj", "/CN=root", "-key"]);
        let output = match openssl.arg(committed.join(format!("{key}.pem"))).output() {
            Ok(output) => output,
            Err(error) => {
                eprintln!("skipped, for want of openssl: {error}");
                return;
            }
        };
        assert!(output.status.success(), "{output:?}");
        let expected = format!(
            "DIR/ca line 1: the CA has {kind}, whose signatures can't be verified here; use one \
             with RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519: openssl req"
        );
        files.refused(&chain, &secret, &output.stdout, &expected);
        // Among others, as in the bundle of a system, it does no harm.
        let bundle = [files.root.as_bytes(), &output.stdout].concat();
        files.server(&chain, &secret, &bundle).unwrap();
        files.client(&chain, &secret, &bundle).unwrap();
    }
}

#[test]
fn a_dry_run_a_start_and_a_reload_say_the_same() {
    let certificates = Certificates::new();
    let [cert, key] = ["server.pem", "server.key"].map(|file| certificates.arg(file));
    let mut running = certificates.service(&["--tls-reload-interval", "10ms"]);
    let leaf = fs::read_to_string(&cert).unwrap();
    let ca = fs::read_to_string(certificates.path("ca.pem")).unwrap();
    fs::write(&cert, format!("{}{ca}", leaf.trim_end())).unwrap();
    let sentence = format!(
        "{cert} line {}: END and the next BEGIN share the line",
        lines(&leaf)
    );
    let line = running.wait_for(&sentence);
    assert!(line.contains("ERROR Can't reload the TLS files"), "{line}");
    for more in [&[][..], &["--dry-run"]] {
        let tls = ["--usetls", "--certfile", &cert, "--privkeyfile", &key];
        let (exit, log) = start(&[&tls, more].concat()).wait();
        assert_eq!(exit.code(), Some(1));
        assert!(log.iter().any(|line| line.contains(&sentence)), "{log:#?}");
    }
}

/// As `openssl x509 -req` makes it where it is told of no extension.
const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBJDCBywIUOY5YZ5JgjG4I/q8/sOVmJFF6dCUwCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEzMDE2MDkzM1oYDzIxMjYxMTA2MTYwOTMz
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAT/x3panaK3O3La2RFKN0g63PfKJUaHkIZI4xko0wbkPbrg6Po9Vm34ewreQhRv
tyyzu1h6W8H8TXbwyFR4bC6vMAoGCCqGSM49BAMCA0gAMEUCIH6vwmxz+hE3U5xP
+pG04kzOoIs4Qvnt1wf6AdK7prfHAiEAkGBvuYASPNy8j9HEImQ5tKocmyuu7+c8
69o38yvrGDg=
-----END CERTIFICATE-----
";

#[test]
fn a_certificate_without_extensions_is_refused() {
    let files = Chain::new();
    let (cert, key) = (VERSION_1.as_bytes(), files.key.as_bytes());
    let expected = "DIR/cert line 1: a certificate of version 1, which names no host";
    // As a CA's own it will do.
    files.refused(cert, key, cert, expected);
}
