//! What Prometheus is told.

use std::time::UNIX_EPOCH;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, codegen::http::uri::PathAndQuery};

use crate::support::{
    InProcess, SERVER_STREAM, SERVICE, UNARY,
    certificates::Certificates,
    connect, echo,
    http::{get, metric},
    request, running,
};

/// The name of a metric of an RPC, with its labels.
fn rpc(metric: &str, service: &str, method: &str, kind: &str, code: &str) -> String {
    let code = match code {
        "" => String::new(),
        code => format!(r#",grpc_code="{code}""#),
    };
    let labels =
        format!(r#"grpc_service="{service}",grpc_method="{method}",grpc_type="{kind}"{code}"#);
    ["grpc_server_", metric, "{", &labels, "}"].concat()
}

fn scripted(metric: &str, path: &str, code: &str) -> String {
    let kind = if path == SERVER_STREAM {
        "server_stream"
    } else {
        "unary"
    };
    let (_, method) = path.rsplit_once('/').unwrap();
    rpc(metric, SERVICE, method, kind, code)
}

#[tokio::test]
async fn rpcs_are_counted_by_method_and_code_from_zero_on() {
    let mut service = running(&["--admin-port", "0"]);
    let admin = service.admin();
    let started = scripted("started_total", UNARY, "");
    let ok = scripted("handled_total", UNARY, "OK");
    let aborted = scripted("handled_total", UNARY, "Aborted");
    let seconds = scripted("handling_seconds_count", UNARY, "");
    for name in [&started, &ok, &aborted, &seconds] {
        assert_eq!(metric(&admin, name).await, Some(0.0), "{name}");
    }
    echo(&service.address(), "").await.unwrap();
    for name in [&started, &ok, &seconds] {
        assert_eq!(metric(&admin, name).await, Some(1.0), "{name}");
    }
    let in_flight = scripted("in_flight", UNARY, "");
    assert_eq!(metric(&admin, &in_flight).await, Some(0.0));
}

#[tokio::test]
async fn the_metrics_are_openmetrics() {
    let mut service = running(&["--admin-port", "0"]);
    let answer = get(&service.admin(), "/metrics").await;
    let expected = "content-type: application/openmetrics-text; version=1.0.0";
    assert!(answer.head.contains(expected), "{}", answer.head);
    assert!(answer.body.ends_with("\n# EOF\n"), "{}", answer.body);
    let build = concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"");
    assert!(answer.body.contains(build), "{}", answer.body);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_process_tells_of_itself() {
    let mut service = running(&["--admin-port", "0"]);
    let admin = service.admin();
    let value = async |name| metric(&admin, name).await.unwrap();
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let started = value("process_start_time_seconds").await;
    assert!((now - 60.0..=now).contains(&started), "{started}");
    assert!(value("process_cpu_seconds_total").await < 60.0);
    assert!(value("process_resident_memory_bytes").await > 1e6);
    let files = value("process_open_fds").await;
    assert!((5.0..100.0).contains(&files), "{files}");
    assert!(value("process_max_fds").await > files);
    assert_eq!(metric(&admin, "panics_total").await, Some(0.0));
}

#[tokio::test]
async fn rpcs_nobody_offers_share_one_label() {
    let server = InProcess::start(&[]).await;
    for path in ["/test.v1.Scripted/None", "/none.v1.None/None"] {
        let mut grpc = tonic::client::Grpc::new(connect(&server.address.to_string()).await);
        grpc.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<(), ()>::default();
        let path = PathAndQuery::from_static(path);
        let status = grpc
            .unary(tonic::Request::new(()), path, codec)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented);
    }
    let name = rpc(
        "handled_total",
        "unknown",
        "unknown",
        "unknown",
        "Unimplemented",
    );
    assert_eq!(metric(&server.admin, &name).await, Some(2.0));
    let metrics = get(&server.admin, "/metrics").await;
    assert!(!metrics.body.contains("None"), "{}", metrics.body);
}

#[tokio::test]
async fn the_code_of_a_stream_is_that_of_its_trailers() {
    let server = InProcess::start(&[]).await;
    let in_flight = scripted("in_flight", SERVER_STREAM, "");
    let failed = scripted("handled_total", SERVER_STREAM, "FailedPrecondition");
    let mut client = server.stub().await;
    let response = client.server_stream(request("reply wait fail")).await;
    let mut stream = response.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    server.waiting(1).await;
    assert_eq!(metric(&server.admin, &in_flight).await, Some(1.0));
    assert_eq!(metric(&server.admin, &failed).await, Some(0.0));
    server.release(1);
    stream.message().await.unwrap_err();
    assert_eq!(metric(&server.admin, &in_flight).await, Some(0.0));
    assert_eq!(metric(&server.admin, &failed).await, Some(1.0));
}

#[tokio::test]
async fn an_rpc_whose_caller_goes_away_is_canceled() {
    let server = InProcess::start(&[]).await;
    for path in [UNARY, SERVER_STREAM] {
        let mut client = server.stub().await;
        let call = tokio::spawn(async move {
            if path == UNARY {
                return drop(client.unary(request("wait")).await);
            }
            let response = client.server_stream(request("wait")).await;
            drop(response.unwrap().into_inner().message().await);
        });
        server.waiting(1).await;
        call.abort();
        server.waiting(0).await;
        let canceled = scripted("handled_total", path, "Canceled");
        assert_eq!(metric(&server.admin, &canceled).await, Some(1.0), "{path}");
        let in_flight = scripted("in_flight", path, "");
        assert_eq!(metric(&server.admin, &in_flight).await, Some(0.0), "{path}");
    }
}

#[tokio::test]
async fn connections_are_counted_and_so_is_garbage() {
    let server = InProcess::start(&[]).await;
    let _client = server.stub().await;
    let mut telnet = TcpStream::connect(server.address).await.unwrap();
    telnet.write_all(b"noise\r\n").await.unwrap();
    telnet.read_to_end(&mut Vec::new()).await.unwrap();
    let connections = async |name| {
        let name = format!("grpc_server_connections_{name}");
        metric(&server.admin, &name).await
    };
    assert_eq!(connections("accepted_total").await, Some(2.0));
    assert_eq!(connections("open").await, Some(1.0));
    assert_eq!(
        connections(r#"rejected_total{reason="garbage"}"#).await,
        Some(1.0)
    );
    assert_eq!(
        connections(r#"rejected_total{reason="tls"}"#).await,
        Some(0.0)
    );
}

#[tokio::test]
async fn the_expiry_of_the_certificate_in_use_is_told() {
    let certificates = Certificates::new();
    let flags = ["--admin-port", "0", "--tls-reload-interval", "0s"];
    let mut service = certificates.service(&flags);
    let admin = service.admin();
    let name = "tls_certificate_expiration_timestamp_seconds";
    let before = metric(&admin, name).await;
    certificates.issue_until("server", 2030);
    assert_eq!(metric(&admin, name).await, before);
    service.signal("HUP");
    service.wait_for("Reloaded the TLS files");
    let new_year = humantime::parse_rfc3339("2030-01-01T00:00:00Z").unwrap();
    let new_year = new_year.duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(metric(&admin, name).await, Some(new_year.as_secs_f64()));
}

#[tokio::test]
async fn metrics_of_the_services_own_are_told_with_those_of_the_chassis() {
    let mut service = running(&["--admin-port", "0"]);
    let starts = metric(&service.admin(), "scripted_starts_total").await;
    assert_eq!(starts, Some(1.0));
}
