//! A page in a real browser that calls a service by gRPC-Web.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::mpsc::{self, Sender},
    thread,
    time::Duration,
};

use tempfile::TempDir;

use crate::support::{
    answers::example,
    certificates::Certificates,
    process::{Killed, Service},
    sample::Program,
};

const PAGE: &str = include_str!("browser/page.html");

/// How long the page may take to tell what it got.
const PATIENCE: Duration = Duration::from_mins(2);

/// Serves the page, and passes on what it reports.
fn site(listener: &TcpListener, reports: &Sender<String>) {
    for visitor in listener.incoming().map_while(Result::ok) {
        // A browser also connects just in case.
        let _ = answer(visitor, reports);
    }
}

fn answer(visitor: TcpStream, reports: &Sender<String>) -> std::io::Result<()> {
    let mut reader = BufReader::new(visitor);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        if field.trim().is_empty() {
            break;
        }
        let field = field.to_ascii_lowercase();
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let page = if line.starts_with("POST ") {
        let _ = reports.send(String::from_utf8_lossy(&body).into_owned());
        ""
    } else {
        PAGE
    };
    let length = page.len();
    write!(
        reader.get_mut(),
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{page}"
    )
}

/// A browser that shows a page until this is dropped.
struct Browser {
    _process: Killed,
    _profile: TempDir,
}

impl Browser {
    /// Shows the page at `url`.
    fn open(url: &str) -> Self {
        let profile = TempDir::new().unwrap();
        let process = Command::new("chromium")
            // As root, and in a container, it has no sandbox of its own.
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
            ])
            // The CA of the test is nobody's.
            .arg("--ignore-certificate-errors")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            _process: Killed(process),
            _profile: profile,
        }
    }
}

#[test]
#[cfg_attr(not(chromium), ignore = "needs chromium")]
fn a_page_says_hello_and_watches() {
    let program = Program::service(example("order-book"), "web");
    let certificates = Certificates::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let (reports, reported) = mpsc::channel();
    thread::spawn(move || site(&listener, &reports));

    let tls = certificates.flags();
    let mut flags = tls.each_ref().map(String::as_str).to_vec();
    flags.extend(["--web-origin", &origin]);
    let service = Service::start(&program.path, &flags);
    let _browser = Browser::open(&format!("{origin}/?port={}", service.port()));
    let report = reported.recv_timeout(PATIENCE).expect("what the page got");
    assert_eq!(
        report,
        "Hello from a page; grpc-status: 0\nstatus 1, goes on"
    );
    let (status, log) = service.stop();
    assert!(status.success(), "{status}\n{log}");
}
