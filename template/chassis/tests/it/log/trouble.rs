//! A log that nobody reads, or that can't be written: it never stops the service.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::symlink,
    process::Command,
    time::Duration,
};

use tempfile::TempDir;

use super::{Unread, garbage};
use crate::support::{
    echo,
    http::{get, metric},
    running,
};

const LOST_OF_STDERR: &str = "log_lost_lines_total{sink=\"stderr\"}";
const LOST_OF_FILE: &str = "log_lost_lines_total{sink=\"file\"}";

/// A second for the last lines, and another for a busy machine.
const SOON: Duration = Duration::from_secs(3);

/// At debug, where strangers cause a line each.
const DEBUG: [&str; 2] = ["--loglevel", "0"];

/// Answers RPC and probe, and stops when it is told to.
async fn lives_and_stops(mut service: Unread) {
    assert_eq!(echo(&service.address, "still").await.unwrap(), "still");
    assert_eq!(get(&service.admin, "/livez").await.status, 200);
    let (status, time) = service.stop();
    assert_eq!(status.code(), Some(0));
    assert!(time < SOON, "{time:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_unread_pipe_as_stderr_it_answers_and_stops() {
    let service = Unread::start(&DEBUG);
    // Some 300 bytes a line: three times what a pipe holds.
    garbage(&service.address, 700).await;
    lives_and_stops(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_found_no_room_are_counted_and_told_of_when_it_is_read_again() {
    let mut service = Unread::start(&DEBUG);
    assert_eq!(metric(&service.admin, LOST_OF_STDERR).await, Some(0.0));
    // Those that wait take a megabyte.
    let mut lost = 0.0;
    while lost < 100.0 {
        garbage(&service.address, 500).await;
        lost = metric(&service.admin, LOST_OF_STDERR).await.unwrap();
    }
    let line = loop {
        let line = service.line();
        if line.contains(" were lost: ") {
            break line;
        }
        // Never torn, and none mixed with another.
        assert!(
            line.starts_with("20") && line.matches("peer=").count() <= 1,
            "{line}"
        );
    };
    let (_, told) = line.split_once(" WARN  ").unwrap();
    let told =
        told.strip_suffix(" lines of the log to stderr were lost: it was not read in time\n");
    // The last of them may have been lost after the count was asked for.
    let lost = metric(&service.admin, LOST_OF_STDERR).await.unwrap();
    assert_eq!(told, Some(&*lost.to_string()), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_closed_stderr_it_answers_and_stops_and_the_file_has_it_all() {
    let dir = TempDir::new().unwrap();
    let logdir = ["--logdir", dir.path().to_str().unwrap()];
    let service = Unread::start(&[&DEBUG[..], &logdir].concat());
    let Unread { address, admin, .. } = &service;
    let (address, admin) = (address.clone(), admin.clone());
    let mut service = closed(service);
    garbage(&address, 20).await;
    assert_eq!(echo(&address, "still").await.unwrap(), "still");
    assert_eq!(get(&admin, "/livez").await.status, 200);
    assert_eq!(service.stop().0.code(), Some(0));
    let log = fs::read_to_string(dir.path().join("scripted.log")).unwrap();
    assert!(
        log.contains("WARN  Can't write the log to stderr: Broken pipe"),
        "{log}"
    );
    assert_eq!(log.matches("bogus greeting").count(), 20, "{log}");
    assert!(log.ends_with("STATE Stopped\n"), "{log}");
}

/// The same service, after whoever read its stderr has gone away.
fn closed(mut service: Unread) -> Unread {
    let (reader, _) = std::io::pipe().unwrap();
    drop(std::mem::replace(
        &mut service.stderr,
        std::io::BufReader::new(reader),
    ));
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_elsewhere_and_in_the_file_once_there_is_room() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("scripted.log");
    symlink("/dev/full", &file).unwrap();
    let mut service = running(&[
        "--logdir",
        dir.path().to_str().unwrap(),
        "--admin-port",
        "0",
    ]);
    let admin = service.admin();
    let name = file.display();
    service.wait_for(&format!(
        "WARN  Can't write the log to {name}: No space left on device"
    ));
    assert_eq!(echo(&service.address(), "still").await.unwrap(), "still");
    assert_eq!(metric(&admin, LOST_OF_STDERR).await, Some(0.0));

    fs::remove_file(&file).unwrap();
    service.signal("HUP");
    let line = service.wait_for(" were lost: No space left on device");
    let lost = metric(&admin, LOST_OF_FILE).await.unwrap();
    assert!(
        line.contains(&format!(" WARN  {lost} lines of the log to {name}")),
        "{line}"
    );
    service.signal("INT");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0));
    let written = fs::read_to_string(&file).unwrap();
    // From then on it has what the terminal has.
    let since = log
        .iter()
        .position(|line| line.contains("Reopened"))
        .unwrap();
    assert_eq!(written.lines().collect::<Vec<_>>(), log[since..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_stops_neither_the_service_nor_stderr() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("scripted.log");
    assert!(
        Command::new("mkfifo")
            .arg(&file)
            .status()
            .unwrap()
            .success()
    );
    // Open, but never read.
    let _fifo = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&file)
        .unwrap();
    let logdir = ["--logdir", dir.path().to_str().unwrap()];
    let flags = [&DEBUG[..], &logdir, &["--drain-delay", "0s"]].concat();
    let mut service = running(&flags);
    garbage(&service.address(), 700).await;
    echo(&service.address(), "still").await.unwrap();
    service.wait_for("DEBUG RPC");
    service.signal("TERM");
    let (status, log) = service.wait();
    assert_eq!(status.code(), Some(0));
    assert!(log.last().unwrap().ends_with("STATE Stopped"));
}
