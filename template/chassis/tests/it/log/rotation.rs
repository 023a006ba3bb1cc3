//! What logrotate does: it moves the file away and sends SIGHUP.

use std::fs;

use tempfile::TempDir;

use crate::support::{certificates::Certificates, echo, running};

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reopens_the_log_file() {
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    let (file, moved) = (logs.join("scripted.log"), dir.path().join("moved"));
    let mut service = running(&["--loglevel", "0", "--logdir", logs.to_str().unwrap()]);
    fs::rename(&file, &moved).unwrap();
    service.signal("HUP");
    service.wait_for(&format!("INFO  Reopened {}", file.display()));
    echo(&service.address(), "after").await.unwrap();
    service.signal("INT");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0));
    let [before, after] = [&moved, &file].map(|file| fs::read_to_string(file).unwrap());
    assert!(before.ends_with("STATE Running\n"), "{before}");
    let lines: Vec<_> = before.lines().chain(after.lines()).collect();
    assert_eq!(lines, log);
    assert!(after.contains(" DEBUG RPC "), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_can_t_be_reopened_stays_in_use() {
    let dir = TempDir::new().unwrap();
    let logs = dir.path().join("logs");
    let moved = dir.path().join("moved");
    let mut service = running(&["--logdir", logs.to_str().unwrap()]);
    fs::rename(&logs, &moved).unwrap();
    fs::write(&logs, "a file").unwrap();
    service.signal("HUP");
    let line = service.wait_for("Can't reopen");
    assert!(line.contains("ERROR"), "{line}");
    service.signal("INT");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0));
    let written = fs::read_to_string(moved.join("scripted.log")).unwrap();
    assert_eq!(written.lines().collect::<Vec<_>>(), log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_never_ends_it() {
    let service = running(&[]);
    for _ in 0..3 {
        service.signal("HUP");
        assert_eq!(echo(&service.address(), "on").await.unwrap(), "on");
    }
    service.signal("INT");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0), "{log:#?}");
}

#[test]
fn a_hangup_looks_at_the_log_file_and_the_tls_files() {
    let dir = TempDir::new().unwrap();
    let certificates = Certificates::new();
    let mut service = certificates.service(&["--logdir", dir.path().to_str().unwrap()]);
    service.signal("HUP");
    service.wait_for("Reopened ");
    service.wait_for("Reloaded the TLS files");
}
