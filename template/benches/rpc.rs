//! RPC per second over loopback, client and server in one process: one client
//! that waits for each answer, and ten with ten calls in flight each. An
//! iteration is one RPC, with a message of 1450 bytes: what fits one packet.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use clap::Parser;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::{runtime::Runtime, task::JoinSet};

use {{crate_name}}::{
    client::{self, Api, Client},
    lifecycle::Lifecycle,
    rpc,
    server::{self, Server, limits::Limits},
    service::Service,
    tls,
};

const MESSAGE_SIZE: usize = 1450;
const CLIENTS: usize = 10;
const IN_FLIGHT: usize = 10;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    limits: Limits,
}

fn rpc(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let settings = runtime.block_on(serve());
    let client = runtime.block_on(Client::connect(&settings)).unwrap();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| runtime.block_on(Client::connect(&settings)).unwrap())
        .collect();

    let mut group = criterion.benchmark_group("rpc");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one client", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| client.hello("x".repeat(MESSAGE_SIZE)));
    });
    group.bench_function("many in parallel", |bencher| {
        bencher
            .to_async(&runtime)
            .iter_custom(|calls| in_parallel(&clients, calls));
    });
    group.finish();
}

/// Starts a server on a free port.
async fn serve() -> client::Settings {
    let settings = server::Settings {
        address: ([127, 0, 0, 1], 0).into(),
        admin: None,
        tls: tls::Settings::default(),
        limits: Flags::parse_from(["rpc"]).limits,
    };
    let server = Server::bind(settings, Lifecycle::new()).await.unwrap();
    let port = server.address().port();
    tokio::spawn(server.run(rpc::rpcs(Service::default()), pending()));
    client::Settings::new("127.0.0.1", port)
}

/// How long so many calls take together.
async fn in_parallel(clients: &[Client], calls: u64) -> Duration {
    let left = Arc::new(AtomicU64::new(calls));
    let mut callers = JoinSet::new();
    let start = Instant::now();
    for client in clients.iter().cycle().take(CLIENTS * IN_FLIGHT) {
        let (client, left) = (client.clone(), left.clone());
        callers.spawn(async move {
            let take = |left: u64| left.checked_sub(1);
            while left.fetch_update(Relaxed, Relaxed, take).is_ok() {
                client.hello("x".repeat(MESSAGE_SIZE)).await.unwrap();
            }
        });
    }
    callers.join_all().await;
    start.elapsed()
}

criterion_group!(benches, rpc);
criterion_main!(benches);
