//! Streams of replies, and messages that are large.

use std::{
    error::Error,
    io,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::{Buf, Bytes};
use tokio::task::JoinSet;

use super::{Part, megabytes};
use crate::{
    built::{BARE, Built, SERVICE},
    grpc::Client,
    http2::message,
    load::count,
    server::{Server, Target},
    settings::Settings,
    table::{
        Bound::{AtLeast, AtMost},
        Results, Table, figure, to,
    },
};

const FIRST: &str = "first message of a stream, p50";
const EACH: &str = "each of one every 10 ms, p50";
const SMALL: &str = "1000 messages of 100 bytes";
const SMALL_CPU: &str = "server CPU of each of them";
const LARGE: &str = "1 MiB echo, 4 in flight";
const LARGE_CPU: &str = "server CPU of each of them, 1 MiB";
const PEAK: &str = "peak memory with them";

const TABLE: Table = Table {
    title: "streams, large messages",
    subject: SERVICE,
    others: &[BARE],
    figures: &[
        figure(FIRST, "µs", &[to(BARE, AtMost(1.05))]),
        figure(EACH, "µs", &[to(BARE, AtMost(1.05))]),
        figure(SMALL, "k/s", &[to(BARE, AtLeast(1.5))]),
        figure(SMALL_CPU, "µs", &[]),
        figure(LARGE, "MB/s", &[to(BARE, AtLeast(1.0))]),
        figure(LARGE_CPU, "µs", &[]),
        figure(PEAK, "MB", &[to(BARE, AtMost(1.0))]),
    ],
};

/// What yields messages.
const TICK: &str = "/streams.v1.StreamService/Tick";

/// Of a large message.
const MIB: usize = 1 << 20;

const IN_FLIGHT: usize = 4;

pub async fn run(built: &Built, settings: &Settings) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::new(&TABLE);
    let streams = built.streams();
    let echoes = [built.service(), built.bare()];
    for round in 1..=settings.rounds {
        for (streams, echoes) in streams.iter().zip(&echoes) {
            let name = streams.name;
            Part::Streams.tell(round, settings, name);
            let server = streams.start(&[]).await?;
            let client = Client::connect(server.port, TICK).await?;
            let (first, each) = delays(&client, settings.duration).await?;
            results.add(name, FIRST, first);
            results.add(name, EACH, each);
            let (per_second, cpu) = many(&client, &server, settings.duration).await?;
            results.add(name, SMALL, per_second / 1e3);
            results.add(name, SMALL_CPU, cpu);

            let server = echoes.start(&[]).await?;
            let (bytes_per_second, cpu) = large(echoes, &server, settings.duration).await?;
            results.add(name, LARGE, bytes_per_second / 1e6);
            results.add(name, LARGE_CPU, cpu);
            results.add(name, PEAK, megabytes(server.peak_memory()?));
        }
    }
    Ok(results)
}

/// Microseconds from a request to the first message, and from the handler to here of each later
/// one, of streams with a message every 10 ms.
async fn delays(client: &Client, duration: Duration) -> io::Result<(f64, f64)> {
    let (mut firsts, mut others) = (Vec::new(), Vec::new());
    let end = Instant::now() + 2 * duration;
    let mut sent = Instant::now();
    while sent < end {
        let mut reply = client.call(ticks(4, 10, 100)).await?;
        if reply.message().await?.is_none() {
            return Err(io::Error::other("a stream without messages"));
        }
        firsts.push(sent.elapsed());
        while let Some(message) = reply.message().await? {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_err(io::Error::other)?;
            others.push(now.saturating_sub(yielded(&message)?));
        }
        sent = Instant::now();
    }
    Ok((median(firsts), median(others)))
}

/// Messages of 100 bytes in a second, in streams of a thousand, and the microseconds that each
/// takes the server.
async fn many(client: &Client, server: &Server, duration: Duration) -> io::Result<(f64, f64)> {
    let (begin, cpu) = (Instant::now(), server.cpu()?);
    let mut messages = 0;
    while begin.elapsed() < duration {
        let mut reply = client.call(ticks(1000, 0, 100)).await?;
        while reply.message().await?.is_some() {
            messages += 1;
        }
    }
    let (took, cpu) = (begin.elapsed(), server.cpu()?.saturating_sub(cpu));
    let messages = count(messages);
    Ok((
        messages / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / messages,
    ))
}

/// Bytes in a second that go there and come back, and the microseconds that a message takes the
/// server.
async fn large(target: &Target, server: &Server, duration: Duration) -> io::Result<(f64, f64)> {
    let client = Arc::new(Client::connect(server.port, target.path).await?);
    let request = Bytes::from(message(MIB));
    let (begin, cpu) = (Instant::now(), server.cpu()?);
    let mut callers = JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (client, request) = (client.clone(), request.clone());
        callers.spawn(async move {
            let mut done = 0;
            while begin.elapsed() < duration {
                let mut reply = client.call(request.clone()).await?;
                match reply.message().await? {
                    Some(echo) if echo == request[5..] => done += 1,
                    _ => return Err(io::Error::other("no echo")),
                }
                if reply.message().await?.is_some() {
                    return Err(io::Error::other("a second echo"));
                }
            }
            Ok(done)
        });
    }
    let mut done = 0;
    while let Some(some) = callers.join_next().await {
        done += some.map_err(io::Error::other)??;
    }
    let (took, cpu) = (begin.elapsed(), server.cpu()?.saturating_sub(cpu));
    Ok((
        count(done * MIB) / took.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / count(done),
    ))
}

/// A TickRequest, by hand: `count`, `interval_ms` and `size`.
fn ticks(count: u16, interval: u16, size: u16) -> Bytes {
    let mut fields = Vec::new();
    for (tag, value) in [(0x08, count), (0x10, interval), (0x18, size)] {
        // Two bytes hold 14 bits, also of what would fit one.
        let [low, high] = [value & 0x7f | 0x80, value >> 7 & 0x7f];
        fields.extend([tag, low, high].map(|n| u8::try_from(n).expect("one byte")));
    }
    let length = u8::try_from(fields.len()).expect("nine bytes");
    [&[0, 0, 0, 0, length], &fields[..]].concat().into()
}

/// When the handler yielded a TickResponse, whose first field says so.
fn yielded(message: &Bytes) -> io::Result<Duration> {
    match message.split_first() {
        Some((0x09, mut nanos)) if nanos.len() >= 8 => Ok(Duration::from_nanos(nanos.get_u64_le())),
        _ => Err(io::Error::other("no TickResponse")),
    }
}

/// In microseconds.
fn median(mut delays: Vec<Duration>) -> f64 {
    delays.sort_unstable();
    let middle = delays.get(delays.len() / 2).copied();
    middle.unwrap_or_default().as_secs_f64() * 1e6
}
