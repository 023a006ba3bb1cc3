//! What others make of the same machine, and of more threads.

use std::error::Error;

use super::Part;
use crate::{
    built::{BARE, Built, CONNECT, GO, SERVICE, VOLO},
    load::{Load, TEN_CONNECTIONS},
    server::Target,
    settings::Settings,
    table::{Results, Table, figure},
};

const TABLE: Table = Table {
    title: "10 × 10, by threads",
    subject: SERVICE,
    others: &[BARE, GO, CONNECT, VOLO],
    figures: &[
        figure("RPC/s, 1 thread", "k/s", &[]),
        figure("RPC/s, 2 threads", "k/s", &[]),
        figure("RPC/s, 4 threads", "k/s", &[]),
        figure("server CPU, 1 thread", "µs", &[]),
        figure("server CPU, 2 threads", "µs", &[]),
        figure("server CPU, 4 threads", "µs", &[]),
        figure("p99, 1 thread", "µs", &[]),
        figure("p99, 2 threads", "µs", &[]),
        figure("p99, 4 threads", "µs", &[]),
    ],
};

pub async fn run(built: &Built, settings: &Settings) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::new(&TABLE);
    let mut targets = vec![built.service(), built.bare()];
    targets.extend(built.peers());
    for round in 1..=settings.rounds {
        for target in &targets {
            Part::Peers.tell(round, settings, target.name);
            for (threads, name) in [(1, "1 thread"), (2, "2 threads"), (4, "4 threads")] {
                let target = Target {
                    threads,
                    ..target.clone()
                };
                let load = Load {
                    name,
                    ..TEN_CONNECTIONS
                };
                let server = target.start(&[]).await?;
                let outcome = load.run(&target, &server, settings.duration).await?;
                let figures = ["RPC/s", "server CPU", "p99"];
                outcome.add_to(&mut results, target.name, load, &figures);
            }
        }
    }
    Ok(results)
}
