//! The running system: `make test` says where it is.

use std::{
    env,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use system_tests::system::System;
use tokio::{process::Command, time::sleep};

/// How long anything may take: far more than it ever needs.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn every_instance_takes_calls() {
    let system = System::from_env();
    for (_, instances) in system.services() {
        for instance in instances {
            let ready = instance.ready(PATIENCE).await;
            assert!(ready.is_some(), "{} takes no calls", instance.name);
        }
    }
}

/// By each instance, as often as those behind it have to take turns.
#[tokio::test]
async fn every_call_is_answered_as_it_should_be() {
    let system = System::from_env();
    let mut number = unique();
    let mut failed = Vec::new();
    for call in system.calls() {
        for instance in system.instances(&call.service) {
            let connection = instance.ready(PATIENCE).await;
            let connection =
                connection.unwrap_or_else(|| panic!("{} takes no calls", instance.name));
            for _ in 0..4 {
                number += 1;
                if let Err(failure) = call.make(connection.clone(), number).await {
                    let name = format!("{}.{}", call.service, call.name);
                    failed.push(format!("{name} of {}: {failure}", instance.name));
                    break;
                }
            }
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n"));
}

/// Each in the line of that call.
#[tokio::test]
async fn every_service_that_a_call_passes_through_logs_its_request_id_and_its_trace() {
    let system = System::from_env();
    let logs =
        env::var("SYSTEM_LOGS").expect("SYSTEM_LOGS is a command that prints a service's log");
    for call in system.calls() {
        let number = unique();
        let id = format!("system-test-{number}");
        let trace = format!("{number:032x}");
        let connection = system.connection(&call.service).await;
        let connection = connection.unwrap_or_else(|| panic!("{} takes no calls", call.service));
        let made = call.make(connection.known_as(&id, &trace), number).await;
        made.unwrap_or_else(|failure| panic!("{}.{}: {failure}", call.service, call.name));
        for service in [&call.service].into_iter().chain(&call.through) {
            let end = Instant::now() + PATIENCE;
            let is_told = |line: &str| line.contains(&id) && line.contains(&trace);
            while !printed(&logs, service).await.lines().any(is_told) {
                assert!(
                    Instant::now() < end,
                    "{}.{} does not pass through {service}: its log has no line of {id}, trace {trace}",
                    call.service,
                    call.name,
                );
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn printed(command: &str, service: &str) -> String {
    // The command is named from the root of the repository.
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new(command)
        .arg(service)
        .current_dir(root)
        .output();
    let output = output
        .await
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(output.status.success(), "{command} {service}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn unique() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since_epoch.as_micros()).unwrap()
}
