//! Proxies that were not made here, in front of a service whose connections end every second: no
//! call may be lost, whatever is on its way at that moment.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
};

use tempfile::TempDir;

use crate::support::{
    command::run,
    process::{Killed, Service, free_port},
    repository::{python, read, root},
    sample::Program,
};

/// How long each client calls, in seconds: some connections' lives.
const SECONDS: &str = "6";

/// The contract of gRPC's interop cases.
const CONTRACT: &str = "template/chassis/tests/it/interop/contract/interop.bin";

/// A proxy in front of a service.
struct Proxy {
    _process: Killed,
    port: u16,
    _directory: TempDir,
}

impl Proxy {
    /// Starts `command`, with the name of its configuration at the end, in front of `service`.
    fn start(command: &[&str], configuration: &str, service: u16) -> Self {
        let directory = TempDir::new().unwrap();
        let port = free_port();
        let text = read(Path::new("tests/suite/proxies").join(configuration))
            .replace("@PORT@", &port.to_string())
            .replace("@SERVICE@", &service.to_string());
        fs::write(directory.path().join(configuration), text).unwrap();
        let child = Command::new(command[0])
            .args(&command[1..])
            .arg(configuration)
            .current_dir(&directory)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            _process: Killed(child),
            port,
            _directory: directory,
        }
    }
}

/// Connections that the service with this admin port has accepted.
fn accepted(admin: u16) -> usize {
    let mut tcp = TcpStream::connect(("127.0.0.1", admin)).unwrap();
    tcp.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut metrics = String::new();
    tcp.read_to_string(&mut metrics).unwrap();
    let count = metrics
        .lines()
        .find_map(|line| line.strip_prefix("grpc_server_connections_accepted_total "));
    count.unwrap().parse().unwrap()
}

/// The interop cases through a proxy, and then what many clients call at once.
fn loses_no_call(command: &[&str], configuration: &str) {
    let Some(python) = python() else { return };
    let program = Program::of_chassis("interop");
    let admin = free_port().to_string();
    let age = ["--connection-age", "1s", "--drain-delay", "0s"];
    let flags = [&age[..], &["--admin-port", &admin]].concat();
    let service = Service::start(&program.path, &flags);
    let proxy = Proxy::start(command, configuration, service.port());
    let address = format!("127.0.0.1:{}", proxy.port);
    let calls = |script: &str, arguments: &[&str]| {
        run(Command::new(python)
            .arg(root().join("tests/suite/foreign").join(script))
            .arg(&address)
            .arg(root().join(CONTRACT))
            .args(arguments))
    };

    let passed = calls("interop.py", &[]);
    assert_eq!(passed.lines().count(), 19, "{passed}");

    let before = accepted(admin.parse().unwrap());
    let made: usize = calls("load.py", &[SECONDS]).trim().parse().unwrap();
    assert!(made >= 200, "only {made} calls");
    let renewed = accepted(admin.parse().unwrap()) - before;
    assert!(renewed >= 4, "only {renewed} new connections");

    if cfg!(h2load) {
        floods(&address);
    } else {
        println!("skipped: the flood, since there is no h2load");
    }
    let (status, log) = service.stop();
    assert!(status.success(), "{status}\n{log}");
}

/// Many more calls than a client in Python can make.
fn floods(address: &str) {
    let directory = TempDir::new().unwrap();
    let empty = directory.path().join("empty");
    fs::write(&empty, [0; 5]).unwrap();
    let told = run(Command::new("h2load")
        .args([
            "--clients=20",
            "--max-concurrent-streams=10",
            "--duration",
            SECONDS,
        ])
        .args([
            "--header=content-type: application/grpc",
            "--header=te: trailers",
        ])
        .arg(format!("--data={}", empty.display()))
        .arg(format!(
            "http://{address}/grpc.testing.TestService/EmptyCall"
        )));
    // Clients that had begun a call when the time was over don't count.
    let of = |what: &str| {
        let (before, _) = told.split_once(what).expect(&told);
        let count = before.rsplit([' ', ':']).find(|word| !word.is_empty());
        count.unwrap().parse::<usize>().unwrap()
    };
    assert!(of(" done") >= 1000, "{told}");
    assert_eq!((of(" failed"), of(" 4xx"), of(" 5xx")), (0, 0, 0), "{told}");
}

#[test]
#[cfg_attr(not(nginx), ignore = "needs nginx")]
fn nginx_loses_no_call() {
    loses_no_call(&["nginx", "-p", ".", "-e", "stderr", "-c"], "nginx.conf");
}

#[test]
#[cfg_attr(not(haproxy), ignore = "needs haproxy")]
fn haproxy_loses_no_call() {
    loses_no_call(&["haproxy", "-db", "-f"], "haproxy.cfg");
}

#[test]
fn envoy_loses_no_call() {
    let Some(python) = python() else { return };
    let envoy = python.with_file_name("envoy");
    // No second one that takes over from it.
    let flags = [
        "--disable-hot-restart",
        "--log-level",
        "error",
        "--config-path",
    ];
    loses_no_call(
        &[&[envoy.to_str().unwrap()], &flags[..]].concat(),
        "envoy.yaml",
    );
}
