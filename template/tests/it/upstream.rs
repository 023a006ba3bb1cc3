//! Services that call each other.

use std::{
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    time::Duration,
};

use tonic::Request;

use crate::support::{
    Child, Instance, Stub, certificates::Certificates, channel, hello, proto::HelloRequest,
};

/// A service that passes calls on to `upstream`.
fn in_front_of(upstream: &Child, flags: &[&str]) -> Child {
    let port = upstream.port().to_string();
    Child::running(&[&["--client-port", &port], flags].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_in_a_chain_answer() {
    let last = Child::running(&[]);
    let middle = in_front_of(&last, &["--drain-delay", "0s"]);
    let first = in_front_of(&middle, &[]);
    let answer = hello(&first.address(), "pass it on").await;
    assert_eq!(answer.unwrap(), "pass it on");

    let upstream = format!("localhost:{}", last.port());
    drop(last);
    let status = hello(&first.address(), "nobody there").await.unwrap_err();
    let message = status.message();
    assert!(message.starts_with("upstream: upstream: "), "{message}");

    middle.signal("TERM");
    let (_, log) = middle.wait();
    let mut log = log.iter();
    for step in [
        format!("INFO  Initialize connection to {upstream}"),
        "INFO  Setup connection options (without TLS)".into(),
        format!("INFO  Connect to {upstream}"),
        format!("INFO  Successfully connected to {upstream}!"),
        "STATE Started".into(),
    ] {
        assert!(log.any(|line| line.contains(&step)), "{step}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_of_three_has_what_is_left_of_the_callers_time() {
    let last = Instance::start(|request: Request<HelloRequest>| async move {
        let metadata = request.metadata();
        let text = |name| metadata.get(name).unwrap().to_str().unwrap();
        Ok(format!("{} {}", text("grpc-timeout"), text("x-request-id")))
    })
    .await;
    let port = last.address.port().to_string();
    let patient = ["--client-timeout", "1h", "--request-timeout", "1h"];
    let to_last = ["--client-ip", "127.0.0.1", "--client-port", &port];
    let middle = Child::running(&[&to_last[..], &patient].concat());
    let first = in_front_of(&middle, &patient);

    let mut request = Request::new(HelloRequest::default());
    request.set_timeout(Duration::from_secs(20));
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", "order-7".parse().unwrap());
    let mut stub = Stub::new(channel(&first.address()).await);
    let answer = stub.hello(request).await.unwrap().into_inner().message;
    let (left, request_id) = answer.split_once(' ').unwrap();
    assert_eq!(request_id, "order-7");
    let left: u64 = left.strip_suffix('u').unwrap().parse().unwrap();
    assert!((1..20_000_000).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_trace_goes_on_upstream() {
    let last = Instance::start(|request: Request<HelloRequest>| async move {
        let metadata = request.metadata();
        let text = |name| metadata.get(name).map_or("none", |it| it.to_str().unwrap());
        Ok(format!("{} {}", text("traceparent"), text("tracestate")))
    })
    .await;
    let port = last.address.port().to_string();
    let first = Child::running(&["--client-ip", "127.0.0.1", "--client-port", &port]);
    let mut stub = Stub::new(channel(&first.address()).await);
    let mut seen_upstream = async |traceparent: &str| {
        let mut request = Request::new(HelloRequest::default());
        let metadata = request.metadata_mut();
        metadata.insert("traceparent", traceparent.parse().unwrap());
        metadata.append("tracestate", "rojo=00f067aa0ba902b7".parse().unwrap());
        metadata.append("tracestate", "congo=t61rcWkgMzE".parse().unwrap());
        stub.hello(request).await.unwrap().into_inner().message
    };
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let seen = seen_upstream(trace).await;
    let (traceparent, tracestate) = seen.split_once(' ').unwrap();
    assert_eq!(traceparent[..36], trace[..36]);
    assert_ne!(traceparent[36..52], trace[36..52], "a span of its own");
    assert_eq!(tracestate, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");

    let seen = seen_upstream("nonsense").await;
    assert!(seen.starts_with("00-") && seen.ends_with(" none"), "{seen}");
}

#[test]
fn an_upstream_that_can_not_be_reached_ends_the_start_after_the_attempts() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = gone.local_addr().unwrap().port().to_string();
    drop(gone);
    let flags = ["--client-ip", "127.0.0.1", "--client-port", &port];
    let flags = [&flags[..], &["--client-attempts", "3"]].concat();
    let (exit, log) = Child::start(&flags).wait();
    assert_eq!(exit.code(), Some(1));
    let log = log.join("\n");
    for attempt in ["WARN  Attempt 1 failed", "WARN  Attempt 2 failed"] {
        assert!(log.contains(attempt), "{log}");
    }
    let error = format!(
        "ERROR upstream: can't connect to 127.0.0.1:{port} (3 attempts): Connection refused"
    );
    assert!(log.contains(&error), "{log}");
    assert!(!log.contains("STATE Running"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_can_demand_a_certificate() {
    let certificates = Certificates::new();
    let [ca, server, server_key, client, client_key] = [
        "ca.pem",
        "server.pem",
        "server.key",
        "client.pem",
        "client.key",
    ]
    .map(|file| certificates.arg(file));
    let upstream = Child::running(&["-t", "-c", &server, "-k", &server_key, "-a", &ca]);
    let tls = ["--client-usetls", "--client-cafile", &ca];
    let identity = [
        "--client-certfile",
        &client,
        "--client-privkeyfile",
        &client_key,
    ];
    let service = in_front_of(&upstream, &[&tls[..], &identity].concat());
    assert_eq!(hello(&service.address(), "secret").await.unwrap(), "secret");

    let port = upstream.port().to_string();
    let anonymous = ["--client-port", &port, "--client-attempts", "1"];
    let (exit, log) = Child::start(&[&anonymous[..], &tls].concat()).wait();
    assert_eq!(exit.code(), Some(1));
    let log = log.join("\n");
    assert!(
        log.contains("(does it demand a client certificate?)"),
        "{log}"
    );
}

#[test]
fn a_key_for_the_upstream_that_is_open_to_everybody_is_warned_about() {
    let certificates = Certificates::new();
    let [ca, cert, key] = ["ca.pem", "client.pem", "client.key"].map(|file| certificates.arg(file));
    let warning = format!("WARN  {key} is open to every user");
    for (mode, warnings) in [(0o600, 0), (0o644, 1)] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        let files = [
            &["--client-usetls", "--client-cafile", &ca][..],
            &["--client-certfile", &cert, "--client-privkeyfile", &key],
        ];
        let flags = [&["--dry-run", "--client-port=1"], &files.concat()[..]].concat();
        let (exit, log) = Child::start(&flags).wait();
        assert_eq!(exit.code(), Some(0), "{log:#?}");
        let warned = log.iter().filter(|line| line.contains(&warning));
        assert_eq!(warned.count(), warnings, "{mode:o}: {log:#?}");
    }
}

#[test]
fn files_that_can_not_be_used_are_named() {
    let certificates = Certificates::new();
    certificates.issue("other");
    let [ca, client, client_key, other_key, missing] = [
        "ca.pem",
        "client.pem",
        "client.key",
        "other.key",
        "missing.pem",
    ]
    .map(|file| certificates.arg(file));
    let cases = [
        (
            [&missing, &client, &client_key],
            format!("{missing}: No such file"),
        ),
        (
            [&client_key, &client, &client_key],
            format!("{client_key} holds no PEM section"),
        ),
        ([&ca, &client, &missing], format!("{missing}: No such file")),
        (
            [&ca, &client, &other_key],
            format!("{other_key} is not the key of {client}"),
        ),
    ];
    for ([ca, cert, key], reason) in cases {
        let (exit, log) = Child::start(&[
            "--dry-run",
            "--client-port=1",
            "--client-usetls",
            &format!("--client-cafile={ca}"),
            &format!("--client-certfile={cert}"),
            &format!("--client-privkeyfile={key}"),
        ])
        .wait();
        assert_eq!(exit.code(), Some(1));
        let last = log.last().unwrap();
        assert!(
            log.iter()
                .any(|line| line.contains(&format!("upstream: {reason}"))),
            "{last}"
        );
    }
}
