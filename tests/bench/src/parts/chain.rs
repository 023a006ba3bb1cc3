//! Two services, of which the first passes on to the second what it is asked.

use std::{error::Error, ffi::OsString};

use super::Part;
use crate::{
    built::Built,
    load::{SEQUENTIAL, TEN_CONNECTIONS},
    server::Target,
    settings::Settings,
    table::{Results, Table, figure},
};

const TWO: &str = "two hops";
const ONE: &str = "one hop";

const TABLE: Table = Table {
    title: "a chain of services",
    subject: TWO,
    others: &[ONE],
    figures: &[
        figure("RPC/s, 1 × 1", "k/s", &[]),
        figure("RPC/s, 10 × 10", "k/s", &[]),
        figure("p50, 1 × 1", "µs", &[]),
        figure("p99, 1 × 1", "µs", &[]),
        figure("p50, 10 × 10", "µs", &[]),
        figure("p99, 10 × 10", "µs", &[]),
    ],
};

pub async fn run(built: &Built, settings: &Settings) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::new(&TABLE);
    let last = built.service();
    for round in 1..=settings.rounds {
        let upstream = last.start(&[]).await?;
        let port = upstream.port.to_string();
        let mut first = built.service();
        first.arguments = ["--client-ip", "127.0.0.1", "--client-port", &port, "--port"]
            .map(OsString::from)
            .to_vec();
        for (name, target) in [(TWO, &first), (ONE, &last)] {
            Part::Chain.tell(round, settings, name);
            measure(name, target, settings, &mut results).await?;
        }
    }
    Ok(results)
}

async fn measure(
    name: &'static str,
    target: &Target,
    settings: &Settings,
    results: &mut Results,
) -> Result<(), Box<dyn Error>> {
    let server = target.start(&[]).await?;
    for load in [SEQUENTIAL, TEN_CONNECTIONS] {
        let outcome = load.run(target, &server, settings.duration).await?;
        outcome.add_to(results, name, load, &["RPC/s", "p50", "p99"]);
    }
    Ok(())
}
