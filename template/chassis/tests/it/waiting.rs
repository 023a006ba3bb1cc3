//! Upstreams that are not there yet, where a service is told to wait for them.

use std::net::{SocketAddr, TcpListener};

use chassis::{channel, lifecycle::Shutdown, testing::PATIENCE};
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    contract::SCRIPTED,
    support::{InProcess, connect, echo, http::get, program, running, start},
};

/// Where nobody listens, for now.
fn nobody() -> SocketAddr {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    gone.local_addr().unwrap()
}

async fn health(address: &str) -> HealthClient<tonic::transport::Channel> {
    HealthClient::new(connect(address).await)
}

fn everything() -> HealthCheckRequest {
    HealthCheckRequest::default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_waits_is_alive_and_ready_once_its_upstream_answers() {
    let upstream = nobody();
    let port = upstream.port().to_string();
    let mut service = running(&[
        "--client-ip=127.0.0.1",
        &format!("--client-port={port}"),
        "--client-wait",
        "--client-attempts=1",
        "--admin-port=0",
        "--drain-delay=0s",
    ]);
    service.wait_for(&format!(
        "WARN  Not ready: 127.0.0.1:{port}: Connection refused"
    ));
    let (address, admin) = (service.address(), service.admin());
    assert_eq!(get(&admin, "/livez").await.status, 200);
    let ready = get(&admin, "/readyz").await;
    assert_eq!(ready.status, 503);
    let reason = format!("Running, but not ready: 127.0.0.1:{port}: Connection refused");
    assert!(ready.body.starts_with(&reason), "{}", ready.body);
    let status = echo(&address, "too early").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    let mut health = health(&address).await;
    let watched = health.watch(everything()).await.unwrap();
    let mut watched = watched.into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::NotServing);

    let server = InProcess::named(upstream, "late").await;
    let second = timeout(PATIENCE, watched.message()).await;
    let second = second.expect("a change").unwrap().unwrap();
    assert_eq!(second.status(), ServingStatus::Serving);
    service.wait_for(&format!("INFO  127.0.0.1:{port} is there"));
    assert_eq!(get(&admin, "/readyz").await.status, 200);
    assert_eq!(echo(&address, "at last").await.unwrap(), "at last");

    // One that is lost is looked for again, but takes nobody along.
    server.stop(Shutdown::Terminal).await;
    let status = echo(&address, "gone").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(get(&admin, "/readyz").await.status, 200);

    service.signal("TERM");
    let (exit, log) = service.wait();
    assert_eq!(exit.code(), Some(0));
    let warnings = log.iter().filter(|line| line.contains("Not ready: "));
    assert_eq!(warnings.count(), 1, "once for each reason: {log:#?}");
}

#[test]
fn two_services_that_call_each_other_start_in_any_order() {
    let [one, other] = [nobody(), nobody()].map(|address| address.port().to_string());
    let services = [(&one, &other), (&other, &one)].map(|(own, upstream)| {
        start(&[
            &format!("--port={own}"),
            &format!("--client-port={upstream}"),
            "--client-wait",
            "--admin-port=0",
        ])
    });
    let [mut first, mut second] = services;
    first.wait_for(&format!("localhost:{other} is there"));
    second.wait_for(&format!("localhost:{one} is there"));
}

#[test]
fn a_healthcheck_of_a_service_that_waits_says_for_what() {
    let port = nobody().port().to_string();
    let upstream = ["--client-ip=127.0.0.1", "--client-wait", "--client-port"];
    let mut service = running(&[&upstream[..], &[&port, "--admin-port", "0"]].concat());
    let line = service.wait_for("Not ready: ");
    let (_, reason) = line.split_once("Not ready: ").unwrap();
    let admin = service.admin();
    let (_, admin_port) = admin.rsplit_once(':').unwrap();
    let output = program()
        .args(["--healthcheck", "--admin-port", admin_port])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(reason), "{said}");
}

#[test]
fn files_of_an_upstream_are_checked_also_where_it_is_waited_for() {
    let (exit, log) = start(&[
        "--client-port=1",
        "--client-wait",
        "--client-usetls",
        "--client-cafile=missing.pem",
    ])
    .wait();
    assert_eq!(exit.code(), Some(1));
    let log = log.join("\n");
    assert!(log.contains("missing.pem: No such file"), "{log}");
}

#[tokio::test]
async fn a_channel_that_waits_is_there_at_once() {
    let address = nobody();
    let settings = channel::Settings {
        wait: true,
        ..channel::Settings::new("127.0.0.1", address.port())
    };
    let channel = chassis::Channel::connect(&settings, SCRIPTED);
    let channel = channel.await.unwrap();
    let mut health = HealthClient::new(channel);
    let status = health.check(everything()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let _server = InProcess::named(address, "late").await;
    let answered = async {
        // The channel looks for it by itself; a call asks it to.
        loop {
            if let Ok(answer) = health.check(everything()).await {
                return answer.into_inner().status();
            }
            tokio::task::yield_now().await;
        }
    };
    let status = timeout(PATIENCE, answered).await;
    assert_eq!(status.unwrap(), ServingStatus::Serving);
}
