//! The clients that don't behave, and what each of them has to expect.

use std::{
    collections::BTreeSet,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use chassis::testing::http2::{
    self, CONTINUATION, DATA, END_STREAM, ENHANCE_YOUR_CALM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE,
    PING, RST_STREAM, Raw, WINDOW_UPDATE, frame, header, headers, prefixed,
};
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};
use tonic::Code;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_request::MessageRequest,
};

use super::Scene;
use crate::{
    contract::common::v1::echo_client::EchoClient,
    gzip::gzip,
    support::{SERVER_STREAM, Stub, UNARY, echo_request, echoing, script},
};

/// Of each kind, between one and the next.
const PAUSE: Duration = Duration::from_millis(50);

pub const EXPECTED: &[(&str, &str)] = &[
    (SILENT, CLOSED),
    (GARBAGE, CLOSED),
    (GARBAGE_IN_TLS, CLOSED),
    (SLOW, "an error in time"),
    (RESETS, "GOAWAY, enhance your calm"),
    (CONTINUATIONS, "GOAWAY, enhance your calm"),
    (METADATA, "an error in time"),
    (MESSAGE, "Some resource has been exhausted"),
    (DEAF, CLOSED),
    (GONE, "nothing, it has gone"),
    (UNTAKEN, RESET),
    (UNTAKEN_STREAM, RESET),
    (UNREAD, CLOSED),
    (HOARD, "an error in time"),
    (IDLE, CLOSED),
    (BOMB, "an error in time"),
    (WATCHERS, "an answer or a refusal"),
    (ASKERS, "an answer or a refusal"),
    (OVERLOAD, "refused, or late as the upstream"),
    (SCRAPES, "metrics, or it gave way"),
    (HANDSHAKES, "an answer each"),
    (STRANGERS, "nothing, they have gone"),
];

const SILENT: &str = "silence";
const GARBAGE: &str = "garbage";
const GARBAGE_IN_TLS: &str = "garbage within TLS";
const SLOW: &str = "request without an end";
const RESETS: &str = "flood of resets";
const CONTINUATIONS: &str = "flood of continuations";
const METADATA: &str = "oversized metadata";
const MESSAGE: &str = "oversized message";
const DEAF: &str = "pings unanswered";
const GONE: &str = "gone in the middle of a call";

const UNTAKEN: &str = "a hundred responses untaken";
const UNTAKEN_STREAM: &str = "a hundred streams untaken";
const UNREAD: &str = "a hundred large responses unread";
const HOARD: &str = "a hundred large requests without an end";
const IDLE: &str = "a connection without a call";
const BOMB: &str = "a bomb of gzip";
const WATCHERS: &str = "a hundred watchers of health";
const ASKERS: &str = "a hundred streams of reflection";
const OVERLOAD: &str = "calls of who waits for a dead upstream";
const SCRAPES: &str = "scrapes without a pause";
const HANDSHAKES: &str = "handshakes that go no further";
const STRANGERS: &str = "silent connections to the admin port";

const CLOSED: &str = "the connection closed";
const RESET: &str = "a reset in time";

/// Handshakes that are begun at a time.
const GREETINGS: usize = 50;

/// Streams that one connection may have.
const STREAMS: u32 = 100;

/// Starts one client of each kind, to go on until `end`.
pub fn attack(scene: &Arc<Scene>, end: Instant) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    macro_rules! client {
        ($thrown:ident, $attack:ident) => {
            let scene = scene.clone();
            clients.spawn(async move {
                while Instant::now() < end {
                    let came_back = $attack(&scene).await;
                    scene.table.count($thrown, came_back);
                    sleep(PAUSE).await;
                }
            });
        };
    }
    client!(SILENT, silent);
    client!(GARBAGE, garbage);
    client!(GARBAGE_IN_TLS, garbage_in_tls);
    client!(SLOW, slow);
    client!(RESETS, resets);
    client!(CONTINUATIONS, continuations);
    client!(METADATA, metadata);
    client!(MESSAGE, message);
    client!(DEAF, deaf);
    client!(GONE, gone);
    client!(UNTAKEN, untaken);
    client!(UNTAKEN_STREAM, untaken_stream);
    client!(UNREAD, unread);
    client!(HOARD, hoard);
    client!(IDLE, idle);
    client!(BOMB, bomb);
    client!(WATCHERS, watchers);
    client!(ASKERS, askers);
    client!(OVERLOAD, overload);
    client!(SCRAPES, scrapes);
    client!(HANDSHAKES, handshakes);
    client!(STRANGERS, strangers);
    clients
}

async fn silent(scene: &Scene) -> String {
    closed(TcpStream::connect(&scene.address).await.unwrap()).await
}

async fn garbage(scene: &Scene) -> String {
    let mut tcp = TcpStream::connect(&scene.address).await.unwrap();
    tcp.write_all(b"noise\r\nmore\r\n").await.unwrap();
    closed(tcp).await
}

async fn garbage_in_tls(scene: &Scene) -> String {
    let mut tls = scene.certificates.tls(&scene.address).await;
    tls.write_all(b"noise\r\nmore\r\n").await.unwrap();
    closed(tls).await
}

async fn slow(scene: &Scene) -> String {
    let mut raw = greet(scene).await;
    raw.begin(1, UNARY).await;
    error(&mut raw).await
}

async fn resets(scene: &Scene) -> String {
    let flood = (0..500).flat_map(|n| {
        let mut bytes = headers(2 * n + 1, &http2::request(UNARY));
        bytes.extend(frame(RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes()));
        bytes
    });
    flooded(scene, flood.collect()).await
}

async fn continuations(scene: &Scene) -> String {
    let mut flood = frame(HEADERS, 0, 1, &http2::request(UNARY));
    for _ in 0..500 {
        let filler = header("x-flood", &"x".repeat(1000));
        flood.extend(frame(CONTINUATION, 0, 1, &filler));
    }
    flooded(scene, flood).await
}

async fn metadata(scene: &Scene) -> String {
    let mut raw = greet(scene).await;
    let mut block = http2::request(UNARY);
    block.extend(header("x-large", &"x".repeat(17_000)));
    raw.send(&headers(1, &block)).await;
    error(&mut raw).await
}

async fn message(scene: &Scene) -> String {
    let channel = scene.certificates.channel(&scene.address, None).await;
    let message = "x".repeat(4 * 1024 * 1024);
    match Stub::new(channel.unwrap()).unary(echoing(&message)).await {
        Ok(_) => "an answer".into(),
        Err(status) => status.code().to_string(),
    }
}

/// Keepalive closes it, long before its age would.
async fn deaf(scene: &Scene) -> String {
    let mut raw = greet(scene).await;
    let frames = raw.rest().await;
    let pings = frames.iter().filter(|frame| frame.kind == PING);
    match pings.count() {
        0 => "closed without a ping".into(),
        _ => CLOSED.into(),
    }
}

async fn gone(scene: &Scene) -> String {
    let mut raw = greet(scene).await;
    raw.begin(1, UNARY).await;
    "nothing, it has gone".into()
}

async fn untaken(scene: &Scene) -> String {
    all_reset(scene, UNARY).await
}

async fn untaken_stream(scene: &Scene) -> String {
    all_reset(scene, SERVER_STREAM).await
}

/// Lets no response be sent on any stream, as a client that is alive.
async fn all_reset(scene: &Scene, path: &str) -> String {
    let mut raw = greet_with_window(scene, 0).await;
    let message = prefixed(&script("reply").encode_to_vec());
    raw.send(&on_all_streams(path, END_STREAM, &message)).await;
    let mut left = STREAMS;
    while left > 0 {
        let Some(frame) = raw.next().await else {
            return format!("closed with {left} of them");
        };
        match frame.kind {
            PING => raw.acknowledge(&frame).await,
            RST_STREAM => left -= 1,
            // Refused, for want of a permit or memory.
            HEADERS if frame.flags & END_STREAM != 0 => left -= 1,
            _ => {}
        }
    }
    RESET.into()
}

async fn unread(scene: &Scene) -> String {
    let mut raw = greet_with_window(scene, 1 << 30).await;
    let window = (1_u32 << 30).to_be_bytes();
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &window)).await;
    let message = prefixed(&script("reply=1000000").encode_to_vec());
    raw.send(&on_all_streams(UNARY, END_STREAM, &message)).await;
    // Long enough for the service to lose patience. What the system has kept is still
    // there to be read then, and the end of the connection after it.
    sleep(Duration::from_secs(4)).await;
    raw.rest().await;
    CLOSED.into()
}

async fn hoard(scene: &Scene) -> String {
    let mut raw = greet(scene).await;
    let message = prefixed(&echo_request(&"x".repeat(1024 * 1024)));
    // As much of each as all may send before it is allowed more.
    raw.send(&on_all_streams(UNARY, 0, &message[..600])).await;
    error(&mut raw).await
}

async fn idle(scene: &Scene) -> String {
    let mut raw = greet(scene).await;
    while let Some(frame) = raw.next().await {
        if frame.kind == PING {
            raw.acknowledge(&frame).await;
        }
    }
    CLOSED.into()
}

async fn bomb(scene: &Scene) -> String {
    let mut raw = greet(scene).await;
    let mut block = http2::request(UNARY);
    block.extend(header("grpc-encoding", "gzip"));
    let mut message = prefixed(&gzip(&vec![0; 5 * 1024 * 1024]));
    message[0] = 1;
    // As much as a stream may send from the start.
    assert!(message.len() < 65_535, "{}", message.len());
    let mut call = headers(1, &block);
    for (n, piece) in message.chunks(16 * 1024).enumerate() {
        let is_last = (n + 1) * 16 * 1024 >= message.len();
        call.extend(frame(DATA, u8::from(is_last) * END_STREAM, 1, piece));
    }
    raw.send(&call).await;
    error(&mut raw).await
}

async fn watchers(scene: &Scene) -> String {
    let path = "/grpc.health.v1.Health/Watch";
    stand(scene, path, END_STREAM, &[]).await
}

async fn askers(scene: &Scene) -> String {
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    stand(scene, path, 0, &list.encode_to_vec()).await
}

/// Begins on each stream what may last, and leaves when all are begun or refused.
async fn stand(scene: &Scene, path: &str, flags: u8, request: &[u8]) -> String {
    let mut raw = greet(scene).await;
    let request = prefixed(request);
    raw.send(&on_all_streams(path, flags, &request)).await;
    let mut answered = BTreeSet::new();
    while answered.len() < STREAMS as usize {
        let Some(frame) = raw.next().await else {
            return format!("closed after {} of them", answered.len());
        };
        match frame.kind {
            PING => raw.acknowledge(&frame).await,
            HEADERS | RST_STREAM => _ = answered.insert(frame.stream),
            _ => {}
        }
    }
    "an answer or a refusal".into()
}

/// More calls than one client's share, of an upstream that answers none. Whoever is refused
/// keeps its connection.
async fn overload(scene: &Scene) -> String {
    let mut calls = JoinSet::new();
    for _ in 0..2 {
        let channel = scene.certificates.channel(&scene.address, None).await;
        let client = EchoClient::new(channel.unwrap());
        for _ in 0..STREAMS {
            let mut client = client.clone();
            calls.spawn(async move { client.say(script("echo")).await });
        }
    }
    let answers = calls.join_all().await;
    // Now and then the connection to the upstream is found to be dead.
    let expected = [
        Code::ResourceExhausted,
        Code::DeadlineExceeded,
        Code::Unavailable,
    ];
    let other = answers.iter().find(|answer| {
        let status = answer.as_ref().err();
        !status.is_some_and(|status| expected.contains(&status.code()))
    });
    match other {
        None => "refused, or late as the upstream".into(),
        Some(other) => format!("{other:?}"),
    }
}

async fn scrapes(scene: &Scene) -> String {
    let mut askers = JoinSet::new();
    for _ in 0..20 {
        let admin = scene.admin.clone();
        askers.spawn(async move {
            let mut tcp = TcpStream::connect(admin).await?;
            tcp.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                .await?;
            let mut answer = String::new();
            tcp.read_to_string(&mut answer).await?;
            Ok::<_, io::Error>(answer)
        });
    }
    let answers = askers.join_all().await;
    let mut answered = answers.iter().filter_map(|answer| answer.as_ref().ok());
    match answered.find(|answer| !(answer.is_empty() || answer.starts_with("HTTP/1.1 200 "))) {
        None => "metrics, or it gave way".into(),
        Some(other) => other.clone(),
    }
}

async fn handshakes(scene: &Scene) -> String {
    let greeting = scene.certificates.tls_greeting().await;
    let mut clients = JoinSet::new();
    for _ in 0..GREETINGS {
        let (address, greeting) = (scene.address.clone(), greeting.clone());
        clients.spawn(async move {
            let mut tcp = TcpStream::connect(address).await?;
            tcp.write_all(&greeting).await?;
            tcp.read_u8().await
        });
    }
    let answers = clients.join_all().await;
    // 22: a record of the handshake (RFC 8446, section 5.1).
    match answers.iter().find(|answer| !matches!(answer, Ok(22))) {
        None => "an answer each".into(),
        Some(other) => format!("{other:?}"),
    }
}

async fn strangers(scene: &Scene) -> String {
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(&scene.admin).await.unwrap());
    }
    "nothing, they have gone".into()
}

/// A call on each stream that there may be, and the beginning of its request.
fn on_all_streams(path: &str, flags: u8, request: &[u8]) -> Vec<u8> {
    let call = |n| {
        let mut bytes = headers(2 * n + 1, &http2::request(path));
        bytes.extend(frame(DATA, flags, 2 * n + 1, request));
        bytes
    };
    (0..STREAMS).flat_map(call).collect()
}

async fn greet_with_window(scene: &Scene, size: u32) -> Raw<impl AsyncRead + AsyncWrite + Unpin> {
    let raw = Raw(scene.certificates.tls(&scene.address).await);
    raw.greeted_with(&[(INITIAL_WINDOW_SIZE, size)]).await
}

async fn greet(scene: &Scene) -> Raw<impl AsyncRead + AsyncWrite + Unpin> {
    Raw(scene.certificates.tls(&scene.address).await)
        .greeted()
        .await
}

async fn closed(mut io: impl AsyncRead + Unpin) -> String {
    let mut received = Vec::new();
    // Closed, or reset since it had not read everything.
    let _ = io.read_to_end(&mut received).await;
    match received[..] {
        // A handshake that fails ends with an alert.
        [] | [21, ..] => CLOSED.into(),
        _ => format!("{received:x?}"),
    }
}

/// Waits for the answer that is one HEADERS frame and no more, as a client that is alive.
async fn error(raw: &mut Raw<impl AsyncRead + AsyncWrite + Unpin>) -> String {
    while let Some(frame) = raw.next().await {
        match frame.kind {
            PING => raw.acknowledge(&frame).await,
            HEADERS if frame.flags & END_STREAM != 0 => return "an error in time".into(),
            HEADERS => return "an answer".into(),
            _ => {}
        }
    }
    "closed without an answer".into()
}

async fn flooded(scene: &Scene, flood: Vec<u8>) -> String {
    let mut raw = greet(scene).await;
    raw.send(&flood).await;
    while let Some(frame) = raw.next().await {
        if frame.kind == GOAWAY {
            return match frame.number() {
                ENHANCE_YOUR_CALM => "GOAWAY, enhance your calm".into(),
                code => format!("GOAWAY, {code}"),
            };
        }
    }
    "closed without GOAWAY".into()
}
