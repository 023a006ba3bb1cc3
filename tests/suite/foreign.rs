//! A client that was not made here: Python's grpcio, built on gRPC's C core.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

use crate::support::{
    answers::example,
    certificates::Certificates,
    command::{output, run},
    process::Service,
    repository::{python, root},
    sample::Program,
};

const SERVICE: &str = "acme.trading.v2beta1.OrderBookService";

/// `python`, about to call the service at `port` with these files for TLS.
fn client(python: &Path, port: u16, files: &[&str]) -> Command {
    let mut command = Command::new(python);
    command
        .arg(root().join("tests/suite/foreign/client.py"))
        .args([&format!("localhost:{port}"), SERVICE])
        .args(files);
    command
}

fn is_served(python: &Path, port: u16, files: &[&str]) {
    let answer = run(&mut client(python, port, files));
    let expected = format!(
        r#"{{"echoed": true, "health": {{"": "SERVING", "{SERVICE}": "SERVING"}}, "services": ["{SERVICE}", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]}}"#
    );
    assert_eq!(answer.trim(), expected);
}

#[test]
fn python_is_served_in_plain_text_tls_and_mutual_tls() {
    let Some(python) = python() else { return };
    let program = Program::service(example("order-book"), "");
    let certificates = Certificates::new();
    let (ca, flags) = (certificates.file("ca.pem"), certificates.flags());
    let tls = flags.each_ref().map(String::as_str);

    let plain = Service::start(&program.path, &[]);
    is_served(python, plain.port(), &[]);

    let secure = Service::start(&program.path, &tls);
    is_served(python, secure.port(), &[&ca]);

    let mutual = Service::start(&program.path, &[&tls[..], &["--cafile", &ca]].concat());
    is_served(
        python,
        mutual.port(),
        &[
            &ca,
            &certificates.file("client.pem"),
            &certificates.file("client.key"),
        ],
    );
    let stranger = output(client(python, mutual.port(), &[&ca]).env("GRPC_VERBOSITY", "NONE"));
    assert!(
        !stranger.status.success(),
        "who has no certificate is not served"
    );

    for service in [plain, secure, mutual] {
        let (status, log) = service.stop();
        assert!(status.success(), "{status}\n{log}");
    }
}

/// gRPC's official interop cases, of a service made with the chassis.
#[test]
fn python_passes_the_interop_cases_in_plain_text_and_tls() {
    let Some(python) = python() else { return };
    let program = Program::of_chassis("interop");
    let contract = "template/chassis/tests/it/interop/contract/interop.bin";
    let certificates = Certificates::new();
    let (ca, flags) = (certificates.file("ca.pem"), certificates.flags());
    let flags = flags.each_ref().map(String::as_str);
    let plain: (&[&str], &[&str]) = (&[], &[]);
    let tls: (&[&str], &[&str]) = (&flags, &[&ca]);
    for (flags, files) in [plain, tls] {
        let service = Service::start(&program.path, flags);
        let passed = run(Command::new(python)
            .arg(root().join("tests/suite/foreign/interop.py"))
            .arg(format!("localhost:{}", service.port()))
            .arg(root().join(contract))
            .args(files));
        assert_eq!(passed.lines().count(), 19, "{passed}");
        let (status, log) = service.stop();
        assert!(status.success(), "{status}\n{log}");
    }
}

/// The other compiler of contracts: what the rules accept is accepted there too.
#[test]
fn protoc_takes_every_package_that_is_accepted() {
    let Some(python) = python() else { return };
    let directory = TempDir::new().unwrap();
    for package in [
        "message.service.rpc.v1",
        "string.bool.v1beta1",
        "a1.b2_3c.v12alpha",
        "option.v1",
    ] {
        let contract = directory.path().join("contract.proto");
        fs::write(
            &contract,
            format!("syntax = \"proto3\";\npackage {package};\n"),
        )
        .unwrap();
        run(Command::new(python)
            .args(["-m", "grpc_tools.protoc", "--descriptor_set_out=/dev/null"])
            .arg(format!("--proto_path={}", directory.path().display()))
            .arg(contract));
    }
}
