//! What comes through a connection, for a fuzzer: see [`crate::fuzzing`].

#![allow(clippy::missing_panics_doc)]

use std::{
    iter,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use clap::{Args, Command, FromArgMatches};
use hyper::{HeaderMap, Request, header::HeaderName};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    runtime::{self, Runtime},
    sync::watch,
    task::yield_now,
    time::timeout,
};
use tonic::{Code, Status, transport::server::TcpConnectInfo};

use super::{
    REFUSED, REJECTED,
    connection::{Connections, Phase, Reader},
    greeting::{PREFACE, Rejected, expect_preface},
    handler::Handler,
    idle::Crowd,
    limits::Limits,
    memory::Memory,
    messages::Messages,
    peer::Peer,
    protocol,
    rpcs::Rpcs,
    shares::Shares,
};
use crate::{
    about::About,
    auth, contract,
    remote::Remote,
    standard::{
        DESCRIPTORS,
        health::Health,
        reflection::{self, Contracts},
    },
    telemetry::metrics::Metrics,
    turns::Turns,
};

const ABOUT: About = crate::about! { year: "2026", env_prefix: "FUZZING", port: 42302 };

/// Of the documentation (RFC 5737): nobody's.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 1);

const REMOTE: Remote = Remote::Tcp(ADDRESS);

/// How often a connection is polled until all is answered that is answered at once.
const TURNS: usize = 16;

/// How long a connection may take to end whose client has taken leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first bytes of a connection: the first says where the others come in two.
pub fn greeting(data: &[u8]) {
    let (at, data) = data.split_first().unwrap_or((&0, data));
    let (first, rest) = data.split_at(data.len().min((*at).into()));
    let read = async {
        let whole = expect_preface(&mut &*data).await;
        let in_pieces = expect_preface(&mut first.chain(rest)).await;
        (whole, in_pieces)
    };
    let (whole, in_pieces) = RUNTIME.with(|runtime| runtime.block_on(read));
    assert_eq!(whole.is_ok(), data.starts_with(PREFACE));
    match (whole, in_pieces) {
        (Ok(()), Ok(())) => {}
        (Err(whole), Err(in_pieces)) => {
            assert_eq!(whole.label(), in_pieces.label());
            let [told, told_in_pieces] = [&whole, &in_pieces].map(ToString::to_string);
            assert!(is_plain(&told) && is_plain(&told_in_pieces));
            // Of garbage no more is read than it takes to see that.
            assert!(matches!(whole, Rejected::Bogus(_)) || told == told_in_pieces);
        }
        (whole, in_pieces) => panic!("{whole:?} and {in_pieces:?}"),
    }
}

/// The head of a request: a line with its path, and a line for each header.
pub fn request(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let path = lines.next().unwrap_or_default();
    let mut request = Request::post(path);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        if let Ok(name) = HeaderName::from_bytes(name) {
            request = request.header(name, value.get(1..).unwrap_or_default());
        }
    }
    // Fails where it can't come out of any connection.
    let Ok(request) = request.body(()) else {
        return;
    };
    if let Err(refusal) = protocol::read(&request, 1024) {
        let told = refusal.to_string();
        assert!(is_plain(&told) && told.len() < 500, "{told:?}");
        let response = refusal.response();
        assert_eq!(status(response.headers()).message(), told);
    }
}

/// The path of a method that nobody has, told to who called it.
pub fn refusal(data: &[u8]) {
    let refused = protocol::unimplemented(&String::from_utf8_lossy(data));
    let told = refused.message();
    assert!(is_plain(told) && told.len() < 1000, "{told:?}");
    let head = refused.clone().into_http::<()>();
    let read = status(head.headers());
    assert_eq!((read.code(), read.message()), (Code::Unimplemented, told));
}

/// Whether `text` is fit for a line of the log, or for a terminal.
fn is_plain(text: &str) -> bool {
    !text.contains(char::is_control)
}

/// What a client reads of a response that is no more than a status.
fn status(headers: &HeaderMap) -> Status {
    Status::from_header_map(headers).expect("a status")
}

/// The body of a request: the first byte says how large its pieces are.
pub fn messages(data: &[u8]) {
    let (size, data) = data.split_first().unwrap_or((&1, data));
    let several = |size| {
        let mut messages = Messages::default();
        for piece in data.chunks(size) {
            messages.go_on(piece);
        }
        messages.are_several()
    };
    let whole = data.first_chunk().map(|[_, length @ ..]: &[u8; 5]| {
        let length = u32::from_be_bytes(*length) as usize;
        data.len() > 5 + length
    });
    assert_eq!(several(data.len().max(1)), whole.unwrap_or(false));
    assert_eq!(several(1 + usize::from(*size)), whole.unwrap_or(false));
}

/// All that a client sends after its preface.
pub fn frames(data: &[u8]) {
    let answer = RUNTIME.with(|runtime| {
        CONNECTIONS.with(|(connections, _)| runtime.block_on(serve(connections, data)))
    });
    let mut rest = &answer[..];
    while let Some((head, after)) = rest.split_first_chunk() {
        let [a, b, c, ..]: [u8; 9] = *head;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        rest = after.get(length..).expect("a whole frame");
    }
    assert!(rest.is_empty(), "a whole frame");
}

thread_local! {
    static RUNTIME: Runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // What would tell them to close comes along, and never does.
    static CONNECTIONS: (Connections, watch::Sender<Phase>) = connections();
}

async fn serve(connections: &Connections, data: &[u8]) -> Vec<u8> {
    let (client, server) = duplex(64 * 1024);
    let before = free(connections);
    let member = Arc::new(Crowd::default()).enter();
    let account = connections.shares.open(REMOTE);
    let serving = connections.serve_http2(
        Reader::new(Box::new(server)),
        Peer::tcp(
            REMOTE,
            TcpConnectInfo {
                local_addr: None,
                remote_addr: Some(ADDRESS),
            },
        ),
        &account,
        &member.activity,
    );
    let (mut reader, mut writer) = split(client);
    let mut answer = Vec::new();
    let talking = async {
        let sending = async {
            // Fails where the server has had enough.
            let _ = writer.write_all(data).await;
            // With its client gone, a connection answers nothing any more.
            for _ in 0..TURNS {
                yield_now().await;
            }
            let _ = writer.shutdown().await;
        };
        tokio::join!(sending, reader.read_to_end(&mut answer)).1
    };
    let both = async { tokio::join!(serving, talking) };
    let ((), read) = timeout(PATIENCE, both).await.expect("an end");
    read.unwrap();
    assert_eq!(free(connections), before, "all is given back");
    answer
}

/// What a client could take that is alone: permits, and MiB of memory.
fn free(connections: &Connections) -> (usize, usize) {
    let account = connections.shares.open(REMOTE);
    let permits: Vec<_> = iter::from_fn(|| account.permit()).collect();
    let holdings = connections.memory.open();
    let charges: Vec<_> = iter::from_fn(|| holdings.charge(1024 * 1024)).collect();
    (permits.len(), charges.len())
}

/// What all connections share, where nothing but the standard services is served.
fn connections() -> (Connections, watch::Sender<Phase>) {
    let flags = Limits::augment_args(Command::new(ABOUT.name)).get_matches_from([ABOUT.name]);
    let limits = Limits::from_arg_matches(&flags).expect("the defaults");
    let metrics = Arc::new(Metrics::new(&ABOUT, &REJECTED, &REFUSED, &auth::denied()));
    let methods = DESCRIPTORS.into_iter().flat_map(contract::methods);
    let methods = metrics.served.methods(methods);
    let [of_health, of_reflection, _] = DESCRIPTORS;
    let contracts = Contracts {
        descriptors: &[],
        names: &[],
    };
    let standard = Rpcs::new()
        .with(of_health, Health::new(Vec::new()).service())
        .with(of_reflection, reflection::v1(contracts));
    let rpcs = Rpcs::new().routes(standard);
    let auth = auth::Settings::default()
        .watch(Duration::MAX)
        .expect("no file");
    let handler = Handler::new(rpcs, methods, auth, metrics.clone(), &limits, true);
    #[cfg(feature = "web")]
    let handler = super::web::Web::around(handler, Vec::new());
    let (tell, phase) = watch::channel(Phase::Serve);
    let connections = Connections {
        tls: None,
        handler: handler.into(),
        shares: Shares::new(limits.max_requests),
        memory: Memory::new(64 * 1024 * 1024),
        turns: Turns::new(1),
        metrics,
        phase,
        limits,
    };
    (connections, tell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::http2::{DATA, END_STREAM, SETTINGS, frame, headers, prefixed, request};

    #[tokio::test]
    async fn frames_get_as_far_as_to_a_handler() {
        let sent = [
            frame(SETTINGS, 0, 0, &[]),
            headers(1, &request("/grpc.health.v1.Health/Check")),
            frame(DATA, END_STREAM, 1, &prefixed(b"")),
        ];
        let (connections, _tell) = connections();
        let answer = serve(&connections, &sent.concat()).await;
        // NOT_SERVING, in a message of its own.
        let message = frame(DATA, 0, 1, &prefixed(&[8, 2]));
        let found = answer.windows(message.len()).any(|it| it == message);
        assert!(found, "{}", answer.escape_ascii());
    }
}
