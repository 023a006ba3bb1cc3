//! Load: some connections, some RPCs in flight on each, for some time.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    server::{Server, Target},
    table::Results,
};

/// A way to use a server.
#[derive(Clone, Copy)]
pub struct Load {
    pub name: &'static str,
    pub connections: usize,
    /// On each connection.
    pub in_flight: usize,
}

pub const SEQUENTIAL: Load = Load {
    name: "1 × 1",
    connections: 1,
    in_flight: 1,
};
pub const ONE_CONNECTION: Load = Load {
    name: "1 × 100",
    connections: 1,
    in_flight: 100,
};
pub const TEN_CONNECTIONS: Load = Load {
    name: "10 × 10",
    connections: 10,
    in_flight: 10,
};

/// What it came to.
pub struct Outcome {
    pub rpcs_per_second: f64,
    /// Microseconds.
    pub server_cpu: f64,
    /// Microseconds.
    pub p50: f64,
    /// Microseconds.
    pub p99: f64,
}

impl Outcome {
    /// Adds it to `results`, for each of the `figures` that there are of `load`.
    pub fn add_to(&self, results: &mut Results, of: &'static str, load: Load, figures: &[&str]) {
        for figure in figures {
            let value = match *figure {
                "time" => 1e6 / self.rpcs_per_second,
                "RPC/s" => self.rpcs_per_second / 1e3,
                "server CPU" => self.server_cpu,
                "p50" => self.p50,
                "p99" => self.p99,
                other => unreachable!("no figure of a load: {other}"),
            };
            results.add(of, &format!("{figure}, {}", load.name), value);
        }
    }
}

impl Load {
    /// Loads `server` for `duration`, after a moment to warm up.
    pub async fn run(
        self,
        target: &Target,
        server: &Server,
        duration: Duration,
    ) -> io::Result<Outcome> {
        self.call(target, server, Instant::now() + duration / 5)
            .await?;
        let cpu = server.cpu()?;
        let begin = Instant::now();
        let mut latencies = self.call(target, server, begin + duration).await?;
        let took = begin.elapsed();
        let cpu = server.cpu()?.saturating_sub(cpu);
        latencies.sort_unstable();
        let percentile = |p| f64::from(latencies[latencies.len() * p / 100]) / 1e3;
        let rpcs = count(latencies.len());
        Ok(Outcome {
            rpcs_per_second: rpcs / took.as_secs_f64(),
            server_cpu: cpu.as_secs_f64() * 1e6 / rpcs,
            p50: percentile(50),
            p99: percentile(99),
        })
    }

    async fn call(self, target: &Target, server: &Server, end: Instant) -> io::Result<Vec<u32>> {
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let mut connection = target.connect(server.port).await?;
            connections
                .spawn(async move { connection.call(self.in_flight, usize::MAX, Some(end)).await });
        }
        let mut latencies = Vec::new();
        while let Some(done) = connections.join_next().await {
            latencies.append(&mut done.map_err(io::Error::other)??);
        }
        Ok(latencies)
    }
}

/// Numbers of things here are exact as floats.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn count(n: usize) -> f64 {
    n as f64
}
