//! Clients that try to make the service hold more than it can.
#![cfg(target_os = "linux")]

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use chassis::testing::{
    Child,
    http2::{
        self, DATA, END_STREAM, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM, Raw, WINDOW_UPDATE,
        frame, header, headers, prefixed,
    },
};
use prost::Message;
use tokio::{task::JoinSet, time::sleep};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_request::MessageRequest,
};

use crate::support::{
    UNARY, connect, echo, echo_request, echoing, memory, program, request, running, script, stub,
};

/// What the service may hold, and in all: with what it needs for itself and for
/// connections, and what the allocator keeps.
const MAX_MEMORY: &str = "32M";
const MOST: u64 = 128 * 1024;

/// Connections of which each has a hundred calls in flight.
const CROWD: usize = 200;

const MIB: usize = 1024 * 1024;

/// Fails unless the service stays within its limits, answers others meanwhile, and takes
/// little again when the attack is over.
async fn withstands<A, F: Future<Output = A>>(attack: impl Fn(String) -> F) {
    let mut command = program();
    command
        .args(["--max-memory", MAX_MEMORY, "--request-timeout", "5s"])
        // As in the image: else glibc keeps more and more of what is freed.
        .env("MALLOC_MMAP_THRESHOLD_", "131072");
    let mut service = Child::spawn(&mut command);
    service.wait_for("Running");
    let address = service.address();
    // What others need, it has needed before.
    let large = "x".repeat(MIB);
    for _ in 0..20 {
        assert_eq!(echo(&address, &large).await.unwrap().len(), MIB);
    }
    let before = memory(&service, "VmRSS");

    let attacking = attack(address.clone()).await;
    let mut client = stub(&address).await;
    for _ in 0..20 {
        client.unary(request("reply")).await.unwrap();
        sleep(Duration::from_millis(20)).await;
    }
    let most = memory(&service, "VmHWM");
    println!("{before} KiB before, {most} KiB at most");
    assert!(most < MOST, "{most} KiB");

    drop(attacking);
    let end = Instant::now() + Duration::from_secs(10);
    while memory(&service, "VmRSS") > 2 * before {
        let now = memory(&service, "VmRSS");
        assert!(Instant::now() < end, "{before} KiB before, {now} KiB after");
        sleep(Duration::from_millis(50)).await;
    }
    println!("{} KiB after", memory(&service, "VmRSS"));
}

#[tokio::test]
async fn responses_that_are_not_read_are_bounded() {
    // 8 connections, 100 streams of 4 MB each: 3.2 GB.
    withstands(|address| async move {
        let mut attacking = Vec::new();
        let message = prefixed(&script("reply=4000000").encode_to_vec());
        for _ in 0..8 {
            let raw = Raw::silent(&address).await;
            let mut raw = raw.greeted_with(&[(INITIAL_WINDOW_SIZE, 1)]).await;
            for stream in (0..100).map(|n| 2 * n + 1) {
                let mut call = headers(stream, &http2::request(UNARY));
                call.extend(frame(DATA, END_STREAM, stream, &message));
                call.extend(frame(WINDOW_UPDATE, 0, stream, &100_u32.to_be_bytes()));
                raw.send(&call).await;
            }
            attacking.push(raw);
        }
        sleep(Duration::from_secs(1)).await;
        attacking
    })
    .await;
}

#[tokio::test]
async fn responses_without_a_window_are_bounded() {
    // One connection, 100 echoes of 4 MB each: 400 MB.
    withstands(|address| async move {
        let raw = Raw::silent(&address).await;
        raw.0.set_nodelay(true).unwrap();
        let mut raw = raw.greeted_with(&[(INITIAL_WINDOW_SIZE, 0)]).await;
        let message = prefixed(&echo_request(&"x".repeat(4_000_000)));
        let mut refused = 0;
        for stream in (0..100).map(|n| 2 * n + 1) {
            raw.send(&headers(stream, &http2::request(UNARY))).await;
            refused += usize::from(upload(&mut raw, stream, &message).await);
        }
        assert!((50..100).contains(&refused), "{refused} of 100 refused");
        raw
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_clients_with_more_than_fits_are_answered_or_refused() {
    // 100 connections, 3 echoes of 1 MiB each at a time: what killed the service in a
    // container whose limit should have been enough.
    withstands(|address| async move {
        let mut clients = JoinSet::new();
        for _ in 0..100 {
            let client = stub(&address).await;
            for _ in 0..3 {
                let mut client = client.clone();
                clients.spawn(async move {
                    let call = echoing(&"x".repeat(MIB));
                    client.unary(call).await.map_err(|status| status.code())
                });
            }
        }
        let answers = clients.join_all().await;
        let fine = |answer: &&Result<_, _>| answer.is_ok();
        assert!(answers.iter().filter(fine).count() > 10, "too few answers");
        let others = answers.iter().filter_map(|answer| answer.as_ref().err());
        let refused = |code| code == tonic::Code::ResourceExhausted;
        assert!(others.copied().all(refused), "neither answered nor refused");
    })
    .await;
}

/// Sends a message as the windows allow; returns whether it was refused.
async fn upload(raw: &mut Raw, stream: u32, message: &[u8]) -> bool {
    // What a stream may send from the start, as long as no SETTINGS are acknowledged.
    let mut window = 65_535;
    let mut rest = message;
    loop {
        while window > 0 && !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(16 * 1024).min(window));
            let end = if later.is_empty() { END_STREAM } else { 0 };
            raw.send(&frame(DATA, end, stream, now)).await;
            window -= now.len();
            rest = later;
        }
        let frame = raw.next().await.unwrap();
        match frame.kind {
            WINDOW_UPDATE if frame.stream == stream => window += frame.number() as usize,
            HEADERS if frame.stream == stream => return frame.flags & END_STREAM != 0,
            PING => raw.acknowledge(&frame).await,
            _ => {}
        }
    }
}

#[tokio::test]
async fn requests_that_come_slowly_are_bounded() {
    // 100 connections, 3 messages of 1 MiB each that never end: 300 MiB.
    withstands(|address| async move {
        let mut attacking = JoinSet::new();
        for _ in 0..100 {
            let address = address.clone();
            attacking.spawn(async move {
                let mut raw = Raw::greet(&address).await;
                let message = prefixed(&echo_request(&"x".repeat(MIB)));
                for stream in [1, 3, 5] {
                    raw.send(&headers(stream, &http2::request(UNARY))).await;
                    raw.send(&frame(DATA, 0, stream, &message[..16 * 1024]))
                        .await;
                    raw.send(&frame(DATA, 0, stream, &message[16 * 1024..32 * 1024]))
                        .await;
                }
                raw
            });
        }
        attacking.join_all().await
    })
    .await;
}

#[tokio::test]
async fn metadata_of_calls_that_wait_is_bounded() {
    // 100 connections, 100 streams of 15 KB each: 150 MB.
    withstands(|address| async move {
        let mut attacking = Vec::new();
        let mut block = http2::request(UNARY);
        block.extend(header("x-large", &"x".repeat(15_000)));
        for _ in 0..100 {
            let mut raw = Raw::greet(&address).await;
            for stream in (0..100).map(|n| 2 * n + 1) {
                raw.send(&headers(stream, &block)).await;
            }
            attacking.push(raw);
        }
        // What is in front of an answered PING has been read.
        for raw in &mut attacking {
            raw.send(&frame(PING, 0, 0, &[0; 8])).await;
            while raw.next().await.expect("an answer").kind != PING {}
        }
        attacking
    })
    .await;
}

/// Begins as many streams as one connection may have; returns how many of them were
/// answered, and stay.
async fn streams_that_stay(service: &Child, path: &str, flags: u8, request: &[u8]) -> usize {
    let mut client = Raw::greet(&service.address()).await;
    for stream in (0..100).map(|n| 2 * n + 1) {
        client.begin(stream, path).await;
        let request = frame(DATA, flags, stream, &prefixed(request));
        client.send(&request).await;
    }
    let (mut answered, mut ended) = (BTreeSet::new(), BTreeSet::new());
    while answered.union(&ended).count() < 100 {
        let frame = client.next().await.unwrap();
        match frame.kind {
            DATA => _ = answered.insert(frame.stream),
            RST_STREAM => _ = ended.insert(frame.stream),
            HEADERS if frame.flags & END_STREAM != 0 => _ = ended.insert(frame.stream),
            _ => {}
        }
    }
    // Whoever asks for something small is answered.
    let channel = connect(&service.address()).await;
    let mut health = HealthClient::new(channel);
    health.check(HealthCheckRequest::default()).await.unwrap();
    answered.difference(&ended).count()
}

// What is not counted is enough for 8 of them, and half of the memory for 4 more.
#[tokio::test]
async fn watchers_of_health_are_bounded_and_checks_are_answered() {
    let service = running(&["--max-memory", "64K"]);
    let path = "/grpc.health.v1.Health/Watch";
    let watching = streams_that_stay(&service, path, END_STREAM, &[]).await;
    assert!((8..=16).contains(&watching), "{watching}");
}

#[tokio::test]
async fn streams_of_reflection_are_bounded_and_checks_are_answered() {
    let service = running(&["--max-memory", "64K"]);
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let asking = streams_that_stay(&service, &path, 0, &list.encode_to_vec()).await;
        assert!((8..=16).contains(&asking), "{version}: {asking}");
    }
}

/// Only glibc has to be told.
#[cfg(target_env = "gnu")]
#[tokio::test]
async fn what_many_connections_took_goes_back_after_them() {
    let service = running(&[]);
    let address = service.address();
    echo(&address, "before").await.unwrap();
    let before = memory(&service, "VmRSS");
    let call = prefixed(&script("reply").encode_to_vec());
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let raw = Raw::silent(&address).await;
        let mut raw = raw.greeted_with(&[(INITIAL_WINDOW_SIZE, 0)]).await;
        let mut calls = Vec::new();
        for stream in (0..100).map(|n| 2 * n + 1) {
            calls.extend(headers(stream, &http2::request(UNARY)));
            calls.extend(frame(DATA, END_STREAM, stream, &call));
        }
        raw.send(&calls).await;
        crowd.push(raw);
    }
    // Each of them has been begun, if no more.
    for raw in &mut crowd {
        for _ in 0..100 {
            raw.wait_for(HEADERS).await;
        }
    }
    let most = memory(&service, "VmRSS");
    drop(crowd);
    let began = Instant::now();
    while memory(&service, "VmRSS") > 2 * before {
        let now = memory(&service, "VmRSS");
        let late = began.elapsed() > Duration::from_secs(10);
        assert!(!late, "{before} KiB before, {most} at most, {now} after");
        sleep(Duration::from_millis(50)).await;
    }
    let took = began.elapsed();
    println!("{before} KiB before, {most} at most, back within {took:?}");
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_and_the_next_is_not() {
    let service = running(&["--max-memory", "1M"]);
    let address = service.address();
    let status = echo(&address, &"x".repeat(MIB)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status}");
    assert!(status.message().contains("memory"), "{status}");
    assert_eq!(echo(&address, "small").await.unwrap(), "small");
    // And a response alone.
    let reply = stub(&address).await.unary(request("reply=2000000")).await;
    assert_eq!(reply.unwrap_err().code(), tonic::Code::ResourceExhausted);
}
