//! Ready only while something is there.

use std::fs;

use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{connect, http::get, running};

#[tokio::test]
async fn health_readyz_and_the_log_follow_what_a_probe_says() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let needs = ["--needs", file.to_str().unwrap()];
    let mut service = running(&[&["--admin-port", "0"][..], &needs].concat());
    let admin = service.admin();
    let mut health = HealthClient::new(connect(&service.address()).await);
    let watch = health.watch(HealthCheckRequest::default()).await;
    let mut watch = watch.unwrap().into_inner();
    let mut status = async || watch.message().await.unwrap().unwrap().status();

    let missing = "the file: No such file or directory (os error 2)";
    service.wait_for(&format!("WARN  Not ready: {missing}"));
    assert_eq!(status().await, ServingStatus::NotServing);
    let ready = get(&admin, "/readyz").await;
    let expected = format!("Running, but not ready: {missing}\n");
    assert_eq!((ready.status, ready.body), (503, expected));

    fs::write(&file, "").unwrap();
    service.wait_for("the file is there");
    assert_eq!(status().await, ServingStatus::Serving);
    assert_eq!(get(&admin, "/readyz").await.status, 200);

    fs::write(&file, "slow").unwrap();
    service.wait_for("Not ready: the file: no answer within 10ms");
    assert_eq!(status().await, ServingStatus::NotServing);
}

#[test]
fn a_probe_that_panics_is_a_reason_to_be_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "panic").unwrap();
    let mut service = running(&["--needs", file.to_str().unwrap(), "--drain-delay", "0s"]);
    service.wait_for("Not ready: the file: the probe has panicked");
    fs::write(&file, "").unwrap();
    service.wait_for("the file is there");
    service.signal("TERM");
    let (exit, _) = service.wait();
    assert_eq!(exit.code(), Some(0));
}
