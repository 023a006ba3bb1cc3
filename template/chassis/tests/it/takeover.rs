//! Clients that try to take all RPCs that may be handled at a time.

use std::time::Duration;

use chassis::testing::{
    Child,
    http2::{
        self, DATA, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PING, Raw, frame, headers, prefixed,
    },
};
use prost::Message;
use tokio::time::{MissedTickBehavior, interval};

use crate::support::{SERVER_STREAM, UNARY, request, running, script, stub};

/// What a good client asks for: twenty calls a second, for two seconds.
const CALLS: u32 = 40;
const PERIOD: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(3);

/// Streams that one connection may have.
const STREAMS: u32 = 100;

/// What an attacker does on each stream.
#[derive(Clone, Copy)]
enum Attack {
    /// Lets the only response not be sent.
    Response,
    /// Lets no response of a stream of them be sent.
    Stream,
    /// Keeps the request to itself.
    Request,
}

/// A connection whose streams are all in use.
async fn attacker(service: &Child, attack: Attack) -> Raw {
    let raw = Raw::silent(&service.address()).await;
    let mut raw = raw.greeted_with(&[(INITIAL_WINDOW_SIZE, 0)]).await;
    let path = match attack {
        Attack::Stream => SERVER_STREAM,
        Attack::Response | Attack::Request => UNARY,
    };
    let message = prefixed(&script("reply=5").encode_to_vec());
    let mut requests = Vec::new();
    for stream in (0..STREAMS).map(|n| 2 * n + 1) {
        requests.extend(headers(stream, &http2::request(path)));
        if !matches!(attack, Attack::Request) {
            requests.extend(frame(DATA, END_STREAM, stream, &message));
        }
    }
    raw.send(&requests).await;
    let mut answers = match attack {
        // An answer comes only where a request was refused.
        Attack::Request => 0,
        Attack::Response | Attack::Stream => STREAMS,
    };
    while answers > 0 {
        raw.wait_for(HEADERS).await;
        answers -= 1;
    }
    raw.send(&frame(PING, 0, 0, &[0; 8])).await;
    while raw.next().await.unwrap().kind != PING {}
    raw
}

/// Has so many connections attack, and fails unless a good client gets an answer to
/// each call meanwhile.
async fn withstands(attack: Attack, attackers: u32) {
    // So long that nothing gives way by itself.
    let service = running(&["--request-timeout", "1m"]);
    let mut attacking = Vec::new();
    for _ in 0..attackers {
        attacking.push(attacker(&service, attack).await);
    }
    let mut client = stub(&service.address()).await;
    let mut pace = interval(PERIOD);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..CALLS {
        pace.tick().await;
        let mut call = request("reply");
        call.set_timeout(DEADLINE);
        client.unary(call).await.unwrap();
    }
}

#[tokio::test]
async fn responses_that_nobody_takes_lock_nobody_out() {
    withstands(Attack::Response, 3).await;
}

#[tokio::test]
async fn responses_that_nobody_takes_on_many_connections_neither() {
    withstands(Attack::Response, 30).await;
}

#[tokio::test]
async fn streams_that_nobody_takes_lock_nobody_out() {
    withstands(Attack::Stream, 3).await;
}

#[tokio::test]
async fn streams_that_nobody_takes_on_many_connections_neither() {
    withstands(Attack::Stream, 30).await;
}

#[tokio::test]
async fn requests_that_never_come_lock_nobody_out() {
    withstands(Attack::Request, 3).await;
}

#[tokio::test]
async fn requests_that_never_come_on_many_connections_neither() {
    withstands(Attack::Request, 10).await;
    withstands(Attack::Request, 30).await;
}
