//! The same over TLS, and what a handshake takes. A handshake is done at both ends when a first
//! RPC has been answered, which is why each has one.

use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind};

use super::Part;
use crate::{
    built::{BARE, Built, SERVICE},
    http2::Connection,
    load::{SEQUENTIAL, TEN_CONNECTIONS, count},
    server::{Server, Target},
    settings::Settings,
    table::{
        Bound::{AtLeast, AtMost},
        Results, Table, figure, to,
    },
    tls, wire,
};

const TABLE: Table = Table {
    title: "over TLS",
    subject: SERVICE,
    others: &[BARE],
    figures: &[
        figure("RPC/s, 1 × 1", "k/s", &[]),
        figure("RPC/s, 10 × 10", "k/s", &[to(BARE, AtLeast(2.0))]),
        figure("server CPU, 1 × 1", "µs", &[]),
        figure("server CPU, 10 × 10", "µs", &[]),
        figure("p50, 1 × 1", "µs", &[]),
        figure("p99, 1 × 1", "µs", &[to(BARE, AtMost(1.0))]),
        figure("p50, 10 × 10", "µs", &[]),
        figure("p99, 10 × 10", "µs", &[]),
        figure("full handshakes", "1/s", &[]),
        figure("resumed handshakes", "1/s", &[]),
        figure("server CPU, full handshake", "µs", &[]),
        figure("server CPU, resumed handshake", "µs", &[]),
    ],
};

/// How many shake hands at a time.
const CLIENTS: usize = 4;

pub async fn run(built: &Built, settings: &Settings) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::new(&TABLE);
    let files = tls::Files::make(&built.0)?;
    let targets = built.over_tls(&files);
    for round in 1..=settings.rounds {
        for target in &targets {
            Part::Tls.tell(round, settings, target.name);
            let server = target.start(&[]).await?;
            for load in [SEQUENTIAL, TEN_CONNECTIONS] {
                let outcome = load.run(target, &server, settings.duration).await?;
                let figures = ["RPC/s", "server CPU", "p50", "p99"];
                outcome.add_to(&mut results, target.name, load, &figures);
            }
            let kinds = [
                ("full", HandshakeKind::Full),
                ("resumed", HandshakeKind::Resumed),
            ];
            for (name, kind) in kinds {
                let (per_second, cpu) =
                    handshakes(target, &server, kind, settings.duration).await?;
                results.add(target.name, &format!("{name} handshakes"), per_second);
                results.add(target.name, &format!("server CPU, {name} handshake"), cpu);
            }
        }
    }
    Ok(results)
}

/// How many there are in a second, and the microseconds that each takes the server.
async fn handshakes(
    target: &Target,
    server: &Server,
    kind: HandshakeKind,
    duration: Duration,
) -> io::Result<(f64, f64)> {
    let resumption = kind == HandshakeKind::Resumed;
    let clients: Vec<_> = (0..CLIENTS).map(|_| tls::client(resumption)).collect();
    // What is to be resumed has to be there.
    for client in &clients {
        shake_hands(server.port, target.path, client).await?;
    }
    let (begin, cpu) = (Instant::now(), server.cpu()?);
    let mut connecting = JoinSet::new();
    for client in clients {
        let (port, path) = (server.port, target.path);
        connecting.spawn(async move {
            let mut done = 0;
            while begin.elapsed() < duration {
                let found = shake_hands(port, path, &client).await?;
                if found != Some(kind) {
                    let error = format!("a handshake was {found:?}, not {kind:?}");
                    return Err(io::Error::other(error));
                }
                done += 1;
            }
            Ok(done)
        });
    }
    let mut done = 0;
    while let Some(some) = connecting.join_next().await {
        done += some.map_err(io::Error::other)??;
    }
    let (took, cpu) = (begin.elapsed(), server.cpu()?.saturating_sub(cpu));
    let done = count(done);
    Ok((done / took.as_secs_f64(), cpu.as_secs_f64() * 1e6 / done))
}

/// Connects, makes a first RPC, and says what kind of handshake it was.
async fn shake_hands(
    port: u16,
    path: &str,
    client: &Arc<ClientConfig>,
) -> io::Result<Option<HandshakeKind>> {
    let stream = wire::connect_tls(port, client).await?;
    let kind = stream.get_ref().1.handshake_kind();
    Connection::new(Box::new(stream), path)
        .call(1, 1, None)
        .await?;
    Ok(kind)
}
