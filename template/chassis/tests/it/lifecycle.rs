//! From start to stop.

use std::net::TcpListener;

use crate::support::{echo, running, start};

#[test]
fn the_states_are_logged_in_order() {
    let service = running(&["--drain-delay", "0s"]);
    service.signal("TERM");
    let (exit, log) = service.wait();
    assert_eq!(exit.code(), Some(0));
    let expected = "Initialized Starting Started Running Stopping Stopped";
    assert_eq!(states(&log), expected);
}

#[test]
fn a_port_in_use_is_one_clear_line_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let port = taken.local_addr().unwrap().port().to_string();
    let (exit, log) = start(&["--loglevel", "5", "--port", &port]).wait();
    assert_eq!(exit.code(), Some(1));
    let [line] = &log[..] else { panic!("{log:?}") };
    assert!(
        line.contains(&format!("can't listen on {address}: ")),
        "{line}"
    );

    let (exit, log) = start(&["--port", &port]).wait();
    assert_eq!(exit.code(), Some(1));
    assert_eq!(states(&log), "Initialized Starting Error");
}

#[test]
fn a_signal_while_it_connects_to_its_upstream_stops_it() {
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let port = gone.port().to_string();
    let flags = ["--client-ip", "127.0.0.1", "--client-port", &port];
    let mut service = start(&[&flags[..], &["--client-attempts", "1000000"]].concat());
    service.wait_for("Attempt 2 failed");
    service.signal("TERM");
    let (exit, log) = service.wait();
    assert_eq!(exit.code(), Some(0));
    assert_eq!(states(&log), "Initialized Starting Stopping Stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_started_again_on_the_same_port_at_once() {
    let first = running(&["--drain-delay", "0s"]);
    let address = first.address();
    let port = first.port().to_string();
    echo(&address, "first").await.unwrap();
    first.signal("TERM");
    first.wait();
    let _second = running(&["--port", &port]);
    assert_eq!(echo(&address, "second").await.unwrap(), "second");
}

fn states(log: &[String]) -> String {
    let states = log
        .iter()
        .filter_map(|line| Some(line.split_once(" STATE ")?.1));
    states.collect::<Vec<_>>().join(" ")
}
