//! Lines that anybody can cause who reaches the port.

use chassis::testing::http2::{ACK, PING, Raw, frame};
use tokio::net::TcpStream;

use super::garbage;
use crate::support::{certificates::Certificates, running};

/// Warnings of a kind in an interval, which is longer than these tests.
const BOUND: usize = 10;

#[tokio::test]
async fn warnings_of_bogus_greetings_are_bounded_and_the_rest_is_counted() {
    let service = running(&["--drain-delay", "0s"]);
    garbage(&service.address(), 25).await;
    service.signal("TERM");
    let (_, log) = service.wait();
    let told = log.iter().filter(|line| line.contains("bogus greeting"));
    assert_eq!(told.count(), BOUND, "{log:#?}");
    let rest: Vec<_> = log
        .iter()
        .filter(|line| line.contains("more like this"))
        .collect();
    let [rest] = rest[..] else { panic!("{log:#?}") };
    assert!(rest.contains(" WARN  15 more like this "), "{rest}");
    assert!(rest.ends_with(" kind=\"garbage\""), "{rest}");
    assert!(log.last().unwrap().ends_with("STATE Stopped"), "{log:#?}");
}

#[tokio::test]
async fn warnings_of_failed_handshakes_are_bounded_for_themselves() {
    let service = Certificates::new().service(&["--drain-delay", "0s"]);
    garbage(&service.address(), 12).await;
    service.signal("TERM");
    let (_, log) = service.wait();
    let told = log
        .iter()
        .filter(|line| line.contains("TLS handshake failed"));
    assert_eq!(told.count(), BOUND, "{log:#?}");
    let rest = log.iter().find(|line| line.contains(" 2 more like this "));
    assert!(rest.unwrap().ends_with(" kind=\"tls\""), "{log:#?}");
}

#[tokio::test]
async fn warnings_of_h2_about_its_peers_are_bounded_unless_they_are_asked_for() {
    for (flags, expected) in [(&[][..], BOUND), (&["--log-filter", "h2=warn"], 25)] {
        let mut service = running(flags);
        let mut client = Raw::greet(&service.address()).await;
        // Answers to what was never asked.
        let answer = frame(PING, ACK, 0, &[7; 8]);
        client.send(&answer.repeat(25)).await;
        // The answer to this one comes when all of those have been seen.
        client.send(&frame(PING, 0, 0, &[8; 8])).await;
        while client.next().await.unwrap().payload != [8; 8] {}
        drop(client);
        service.wait_for("h2::proto::ping_pong: recv PING ack that we never sent");
        service.signal("INT");
        let (_, log) = service.wait();
        let told = log.iter().filter(|line| line.contains("recv PING ack"));
        assert_eq!(told.count(), expected, "{log:#?}");
        let rest = log
            .iter()
            .filter(|line| line.contains(" 15 more like this "));
        assert_eq!(rest.count(), usize::from(expected == BOUND), "{log:#?}");
    }
}

#[tokio::test]
async fn whoever_debugs_sees_them_all() {
    let service = running(&["--loglevel", "0", "--drain-delay", "0s"]);
    garbage(&service.address(), 25).await;
    service.signal("TERM");
    let (_, log) = service.wait();
    let of = |level: &str| {
        let lines = log.iter().filter(|line| line.contains("bogus greeting"));
        lines.filter(|line| line.contains(level)).count()
    };
    assert_eq!(
        (of(" WARN "), of(" DEBUG ")),
        (BOUND, 25 - BOUND),
        "{log:#?}"
    );
}

#[tokio::test]
async fn a_probe_of_the_port_is_as_silent_with_tls_as_without() {
    let tls = Certificates::new();
    for mut service in [
        tls.service(&["--loglevel", "0"]),
        running(&["--loglevel", "0"]),
    ] {
        drop(TcpStream::connect(service.address()).await.unwrap());
        let line = service.wait_for("closed without a word");
        assert!(line.contains(" DEBUG "), "{line}");
        service.signal("INT");
        let (_, log) = service.wait();
        assert!(!log.iter().any(|line| line.contains(" WARN ")), "{log:#?}");
    }
}
