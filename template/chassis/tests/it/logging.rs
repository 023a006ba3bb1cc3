//! What the log says of requests, and the ids by which they are found.

use std::fs;

use chassis::testing::Child;
use serde_json::Value;
use tonic::{Request, metadata::MetadataMap};

use crate::support::{
    SERVICE, Stub, UNARY, certificates::Certificates, echo, echoing, request, running, start, stub,
};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Makes a call with `headers`; returns those of the response.
async fn call_with(service: &Child, headers: &[(&'static str, &str)]) -> MetadataMap {
    let mut request = request("reply");
    for (name, value) in headers {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    let mut stub = stub(&service.address()).await;
    stub.unary(request).await.unwrap().metadata().clone()
}

fn text<'a>(headers: &'a MetadataMap, name: &str) -> &'a str {
    headers.get(name).unwrap().to_str().unwrap()
}

#[tokio::test]
async fn a_line_per_rpc_at_debug_tells_what_became_of_it() {
    let mut service = running(&["--loglevel", "0"]);
    let headers = call_with(&service, &[("x-request-id", "from-the-test")]).await;
    assert_eq!(text(&headers, "x-request-id"), "from-the-test");
    let line = service.wait_for("request_id=from-the-test");
    for part in [
        &format!(" DEBUG RPC method={UNARY} "),
        " code=Ok ",
        " duration=",
        " peer=127.0.0.1:",
        " trace_id=",
    ] {
        assert!(line.contains(part), "{part:?} in {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_that_a_request_causes_has_its_id() {
    let upstream = running(&[]);
    let port = upstream.port().to_string();
    let mut service = running(&["--loglevel", "0", "--client-port", &port]);
    drop(upstream);
    let mut request = request("reply");
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", "order-7".parse().unwrap());
    let mut stub = stub(&service.address()).await;
    stub.unary(request).await.unwrap_err();
    let line = service.wait_for("Attempt 1 failed");
    assert!(line.contains(" request_id=order-7 "), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_logged_of_an_rpc_at_info() {
    let service = running(&["--drain-delay", "0s"]);
    echo(&service.address(), "").await.unwrap();
    service.signal("TERM");
    let (_, log) = service.wait();
    assert!(!log.iter().any(|line| line.contains(SERVICE)), "{log:?}");
}

#[tokio::test]
async fn one_new_id_serves_as_request_and_trace_id() {
    let mut service = running(&["--loglevel", "0", "--tell-ids"]);
    let headers = call_with(&service, &[]).await;
    let id = text(&headers, "x-request-id");
    let traceparent = text(&headers, "traceparent");
    assert_eq!(id, &traceparent[3..35]);
    service.wait_for(&format!(" request_id={id}"));
}

#[tokio::test]
async fn who_sent_no_id_is_told_one_with_a_failure_only() {
    let service = running(&[]);
    let headers = call_with(&service, &[]).await;
    assert!(headers.get("x-request-id").is_none(), "{headers:?}");
    assert!(headers.get("traceparent").is_none(), "{headers:?}");

    let mut stub = stub(&service.address()).await;
    let failure = stub.unary(request("fail")).await.unwrap_err();
    let id = text(failure.metadata(), "x-request-id").to_owned();
    assert_eq!(id, text(failure.metadata(), "traceparent")[3..35]);
    // A stream that has begun tells it with its trailers.
    let mut replies = stub.server_stream(request("reply fail")).await.unwrap();
    assert!(replies.metadata().get("x-request-id").is_none());
    replies.get_mut().message().await.unwrap().unwrap();
    let failure = replies.get_mut().message().await.unwrap_err();
    assert_ne!(text(failure.metadata(), "x-request-id"), id);
}

#[tokio::test]
async fn the_callers_trace_goes_on() {
    let mut service = running(&["--loglevel", "0"]);
    let caller = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    let headers = call_with(&service, &[("traceparent", &caller)]).await;
    assert_eq!(text(&headers, "x-request-id"), TRACE_ID);
    let traceparent = text(&headers, "traceparent");
    assert_eq!(traceparent[..36], caller[..36]);
    assert_ne!(traceparent[36..52], caller[36..52]);
    service.wait_for(&format!(" request_id={TRACE_ID}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_are_objects_with_the_ids() {
    let mut service = start(&["--log-format", "json", "--loglevel", "0"]);
    service.wait_for("Running");
    let caller = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    call_with(
        &service,
        &[("x-request-id", "\"quoted\""), ("traceparent", &caller)],
    )
    .await;
    let line: Value = serde_json::from_str(&service.wait_for("\"RPC\"")).unwrap();
    assert_eq!(line["level"], "DEBUG");
    assert_eq!(line["message"], "RPC");
    assert_eq!(line["request_id"], "\"quoted\"");
    assert_eq!(line["trace_id"], TRACE_ID);
    assert_eq!(line["fields"]["method"], UNARY);
    assert_eq!(line["fields"]["code"], "Ok");
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    assert!(line["target"].is_string(), "{line}");

    service.signal("INT");
    let (_, log) = service.wait();
    let lines: Vec<Value> = log
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = lines.last().unwrap();
    // A severity that every log system knows, and the state beside it.
    for (field, expected) in [("level", "INFO"), ("state", "Stopped"), ("target", "state")] {
        assert_eq!(last[field], expected, "{last}");
    }
    assert_eq!(last["message"], "Stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged() {
    let certificates = Certificates::new();
    let key = fs::read_to_string(certificates.path("server.key")).unwrap();
    for format in ["text", "json"] {
        let flags = ["--loglevel", "0", "--log-format", format];
        let mut service = certificates.service(&flags);
        let channel = certificates.channel(&service.address(), None).await;
        let mut request = Request::new(echoing(&"message".repeat(9)));
        let token = "Bearer token".parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        Stub::new(channel.unwrap()).unary(request).await.unwrap();
        service.wait_for("RPC");
        // Torn, it has to be complained about.
        fs::write(certificates.path("server.key"), &key[..key.len() / 2]).unwrap();
        service.signal("HUP");
        service.wait_for("Can't reload the TLS files");
        fs::write(certificates.path("server.key"), &key).unwrap();
        service.signal("INT");
        let (_, log) = service.wait();
        let log = log.join("\n");
        let lines = key.lines().filter(|line| !line.starts_with("-----"));
        for secret in lines.chain(["Bearer", "token", "messagemessage"]) {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
}

#[tokio::test]
async fn the_log_goes_to_a_file_as_well() {
    let dir = tempfile::TempDir::new().unwrap();
    let service = running(&["--logdir", dir.path().to_str().unwrap()]);
    service.signal("INT");
    let (_, log) = service.wait();
    let file = dir.path().join("scripted.log");
    let lines = fs::read_to_string(file).unwrap();
    assert_eq!(lines.lines().collect::<Vec<_>>(), log);
}
