//! Who is refused gets a status, and keeps its connection, however often.

use std::{collections::BTreeMap, time::Instant};

use chassis::{
    Channel, channel,
    testing::http2::{DATA, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, Raw, frame, prefixed},
};
use prost::Message;
use tokio::task::JoinSet;
use tonic::{
    Code,
    client::GrpcService,
    codegen::{Body, Bytes, StdError},
};

use crate::{
    contract::{SCRIPTED, test::v1::scripted_client::ScriptedClient},
    support::{InProcess, UNARY, connect, echo_request, echoing, request, running, script},
};

/// Calls at a time, as many as one connection may have.
const AT_ONCE: usize = 100;
/// Far more than h2 puts up with resets (1024), of which it remembers 50.
const CALLS: usize = 4000;

/// What calls that are refused come to, and then one that isn't.
async fn refused<C>(channel: C, server: &InProcess) -> BTreeMap<String, usize>
where
    C: GrpcService<tonic::body::Body> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: Into<StdError>,
    C::ResponseBody: Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    let mut busy = server.stub().await;
    let busy = tokio::spawn(async move { busy.unary(request("wait reply")).await });
    server.waiting(1).await;
    // More than a stream's window, so that it is still being sent when it is refused.
    let payload = "x".repeat(100 * 1024);
    let mut callers = JoinSet::new();
    for _ in 0..AT_ONCE {
        let mut client = ScriptedClient::new(channel.clone());
        let payload = payload.clone();
        callers.spawn(async move {
            let mut codes = Vec::new();
            for _ in 0..CALLS / AT_ONCE {
                let answer = client.unary(echoing(&payload)).await;
                codes.push(answer.map_or_else(|status| status.to_string(), |_| "OK".into()));
            }
            codes
        });
    }
    let mut table = BTreeMap::new();
    for answer in callers.join_all().await.into_iter().flatten() {
        *table.entry(answer).or_default() += 1;
    }
    server.release(1);
    busy.await.unwrap().unwrap();
    ScriptedClient::new(channel)
        .unary(request("reply"))
        .await
        .unwrap();
    table
}

fn all_exhausted(table: &BTreeMap<String, usize>) {
    let exhausted = |answer: &String| answer.contains("too many requests in flight");
    assert!(table.keys().all(exhausted), "{table:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_calls_by_tonic_are_refused_on_one_connection() {
    let server = InProcess::start(&["--max-requests", "1"]).await;
    let channel = connect(&server.address.to_string()).await;
    all_exhausted(&refused(channel, &server).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_calls_by_the_channel_are_refused_on_one_connection() {
    let server = InProcess::start(&["--max-requests", "1"]).await;
    all_exhausted(&refused(server.channel().await, &server).await);
}

/// Makes calls whose requests come when they have been refused; returns how many were.
async fn late_requests(client: &mut Raw, path: &str) -> usize {
    let mut refusals = 0;
    let message = prefixed(&echo_request("late"));
    for round in 0..u32::try_from(CALLS / AT_ONCE).unwrap() {
        let first = 2 * round * 100 + 1;
        let streams = (0..100).map(|n| first + 2 * n);
        for stream in streams.clone() {
            client.begin(stream, path).await;
        }
        for _ in streams.clone() {
            let refusal = client.wait_for(HEADERS).await;
            assert_eq!(refusal.flags & END_STREAM, END_STREAM);
            refusals += 1;
        }
        let requests: Vec<_> = streams
            .flat_map(|stream| frame(DATA, END_STREAM, stream, &message))
            .collect();
        client.send(&requests).await;
    }
    client.send(&frame(PING, 0, 0, &[0; 8])).await;
    loop {
        let frame = client.next().await.expect("it is still there");
        assert!(![GOAWAY, RST_STREAM].contains(&frame.kind), "{frame:?}");
        if frame.kind == PING {
            return refusals;
        }
    }
}

#[tokio::test]
async fn whose_requests_come_late_is_refused_as_often_as_it_asks() {
    // Another connection has the only permit.
    let service = running(&["--max-requests", "1", "--request-timeout", "1m"]);
    let mut busy = Raw::greet(&service.address()).await;
    busy.begin(1, UNARY).await;
    busy.end(1, &script("sleep=1m").encode_to_vec()).await;
    busy.send(&frame(PING, 0, 0, &[0; 8])).await;
    while busy.next().await.unwrap().kind != PING {}
    let mut client = Raw::greet(&service.address()).await;
    assert_eq!(late_requests(&mut client, UNARY).await, CALLS);
}

#[tokio::test]
async fn whose_requests_nobody_reads_keeps_its_connection_too() {
    let service = running(&[]);
    let mut client = Raw::greet(&service.address()).await;
    let unknown = "/test.v1.Scripted/Unknown";
    assert_eq!(late_requests(&mut client, unknown).await, CALLS);
}

#[tokio::test]
async fn a_request_that_never_ends_is_reset_when_it_has_been_answered() {
    let service = running(&[]);
    let mut client = Raw::greet(&service.address()).await;
    client.begin(1, "/test.v1.Scripted/Unknown").await;
    let answer = client.wait_for(HEADERS).await;
    assert_eq!(answer.flags & END_STREAM, END_STREAM);
    let reset = client.wait_for(RST_STREAM).await;
    assert_eq!((reset.stream, reset.number()), (1, 0));
}

/// As `make soak`: a hundred connections by tonic and as many by the channel, a hundred
/// calls at a time on each.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes as long as SOAK says: make soak"]
async fn soak_in_overload_ends_no_call_but_with_an_answer_or_a_refusal() {
    const CONNECTIONS: usize = 100;
    let asked = std::env::var("SOAK").unwrap_or_else(|_| "30s".into());
    let end = Instant::now() + humantime::parse_duration(&asked).expect("a time such as 30s");
    let service = running(&[]);
    let (host, port) = ("127.0.0.1", service.port());
    let mut callers = JoinSet::new();
    for n in 0..CONNECTIONS {
        if n % 2 == 0 {
            let channel = connect(&service.address()).await;
            (0..AT_ONCE).for_each(|_| _ = callers.spawn(call_until(channel.clone(), end)));
        } else {
            let channel = Channel::connect(&channel::Settings::new(host, port), SCRIPTED).await;
            let channel = channel.unwrap();
            (0..AT_ONCE).for_each(|_| _ = callers.spawn(call_until(channel.clone(), end)));
        }
    }
    let mut table = BTreeMap::<_, usize>::new();
    for answer in callers.join_all().await.into_iter().flatten() {
        *table.entry(answer.0).or_default() += answer.1;
    }
    println!("{table:?}");
    let expected = |answer: &&str| ["OK", "Some resource has been exhausted"].contains(answer);
    let seen: Vec<_> = table.keys().map(String::as_str).collect();
    assert!(
        seen.iter().all(expected) && seen.contains(&"OK"),
        "{table:?}"
    );
}

/// Calls again and again; returns how often what came of it.
async fn call_until<C>(channel: C, end: Instant) -> BTreeMap<String, usize>
where
    C: GrpcService<tonic::body::Body> + Clone + Send + 'static,
    C::Future: Send,
    C::Error: Into<StdError>,
    C::ResponseBody: Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static,
{
    let mut client = ScriptedClient::new(channel);
    let mut table = BTreeMap::new();
    while Instant::now() < end {
        let answer = client.unary(echoing(&"x".repeat(1000))).await;
        let text = match answer {
            Ok(_) => "OK".into(),
            Err(status) if status.code() == Code::ResourceExhausted => status.code().to_string(),
            Err(status) => status.to_string(),
        };
        *table.entry(text).or_default() += 1;
    }
    table
}
