//! When there are more connections than files.
#![cfg(target_os = "linux")]

use std::{fs, process::Command, thread, time::Duration};

use chassis::testing::{
    Child,
    http2::{Raw, SETTINGS},
};
use rlimit::Resource;

use crate::support::{echo, program, running};

#[tokio::test]
async fn a_service_with_few_files_serves_as_many_connections_as_it_can() {
    let program = program();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 40; exec \"$0\""])
        .arg(program.get_program());
    for (variable, value) in program.get_envs() {
        match value {
            Some(value) => command.env(variable, value),
            None => command.env_remove(variable),
        };
    }
    let mut service = Child::spawn(&mut command);
    service.wait_for("40 files may be open: serving 8 connections at a time");
    service.wait_for("STATE Running");

    let mut crowd = Vec::new();
    for _ in 0..50 {
        crowd.push(Raw::greet(&service.address()).await);
    }
    for served in &mut crowd[..8] {
        served.wait_for(SETTINGS).await;
    }
    assert_idle(&service);
    drop(crowd);
    assert_eq!(echo(&service.address(), "later").await.unwrap(), "later");
}

#[tokio::test]
async fn a_service_out_of_files_waits_and_recovers() {
    let mut service = running(&[]);
    let open = fs::read_dir(format!("/proc/{}/fd", service.id()))
        .unwrap()
        .count() as u64;
    limit_files(&service, open + 2);
    let mut crowd = Vec::new();
    for _ in 0..5 {
        crowd.push(Raw::greet(&service.address()).await);
    }
    service.wait_for("Can't accept connections");
    assert_idle(&service);
    limit_files(&service, open + 100);
    for served in &mut crowd {
        served.wait_for(SETTINGS).await;
    }
    drop(crowd);
    service.signal("INT");
    let (_, log) = service.wait();
    let attempts = log
        .iter()
        .filter(|line| line.contains("Can't accept connections"));
    assert!(attempts.count() < 10, "one a second");
}

fn limit_files(service: &Child, files: u64) {
    let id = service.id().try_into().unwrap();
    let hard = Resource::NOFILE.get_hard().unwrap();
    rlimit::prlimit(id, Resource::NOFILE, Some((files, hard)), None).unwrap();
}

/// Fails where `service` keeps a core busy.
fn assert_idle(service: &Child) {
    let before = cpu_ticks(service);
    thread::sleep(Duration::from_secs(1));
    let ticks = cpu_ticks(service) - before;
    // Of 100 in this second; few, since a busy machine grants a busy loop no more than a share.
    assert!(ticks < 5, "{ticks} ticks");
}

/// utime and stime of proc(5).
fn cpu_ticks(service: &Child) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", service.id())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<_> = fields.split(' ').collect();
    fields[11..13]
        .iter()
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum()
}
