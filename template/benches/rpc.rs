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

use chassis::{Channel, channel::Settings, cli, lifecycle::Lifecycle, server::Server};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::{runtime::Runtime, task::JoinSet};

use {{crate_name}}::{
    cli::{ABOUT, Flags},
    rpc,
    service::Service,
};
use {{crate_name}}_api::{self as api, Api};

const MESSAGE_SIZE: usize = 1450;
const CLIENTS: usize = 10;
const IN_FLIGHT: usize = 10;

fn rpc(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let settings = runtime.block_on(serve());
    let client = runtime.block_on(connect(&settings));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| runtime.block_on(connect(&settings)))
        .collect();

    let mut group = criterion.benchmark_group("rpc");
    group.throughput(Throughput::Elements(1));
    group.bench_function("one client", |bencher| {
        bencher.to_async(&runtime).iter(|| call(&client));
    });
    group.bench_function("many in parallel", |bencher| {
        bencher
            .to_async(&runtime)
            .iter_custom(|calls| in_parallel(&clients, calls));
    });
    group.finish();
}

/// Starts a server on a free port.
async fn serve() -> Settings {
    let arguments = ["rpc", "--ip", "127.0.0.1", "--port", "0"];
    let flags: Flags = cli::parse_from(&ABOUT, arguments).unwrap();
    let settings = cli::Invocation::from(flags.chassis).server;
    let server = Server::bind(&ABOUT, settings, Lifecycle::new())
        .await
        .unwrap();
    let port = server.address().unwrap().port();
    tokio::spawn(server.run(rpc::rpcs(Service::default()), pending()));
    Settings::new("127.0.0.1", port)
}

async fn connect(settings: &Settings) -> api::Client<Channel> {
    let channel = Channel::connect(settings, api::DESCRIPTORS).await;
    api::Client::new(channel.unwrap())
}

async fn call(client: &api::Client<Channel>) {
    client.hello("x".repeat(MESSAGE_SIZE)).await.unwrap();
}

/// How long so many calls take together.
async fn in_parallel(clients: &[api::Client<Channel>], calls: u64) -> Duration {
    let left = Arc::new(AtomicU64::new(calls));
    let mut callers = JoinSet::new();
    let start = Instant::now();
    for client in clients.iter().cycle().take(CLIENTS * IN_FLIGHT) {
        let (client, left) = (client.clone(), left.clone());
        callers.spawn(async move {
            let take = |left: u64| left.checked_sub(1);
            while left.fetch_update(Relaxed, Relaxed, take).is_ok() {
                call(&client).await;
            }
        });
    }
    callers.join_all().await;
    start.elapsed()
}

criterion_group!(benches, rpc);
criterion_main!(benches);
