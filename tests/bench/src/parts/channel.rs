//! The other side: a program that calls over the chassis's channel, and one over tonic's, the
//! same server at one address or at ten.

use std::{error::Error, process::Command};

use super::Part;
use crate::{
    built::Built,
    settings::Settings,
    table::{
        Bound::{AtLeast, AtMost},
        Results, Table, figure, to,
    },
};

const CHASSIS: &str = "chassis";
const TONIC: &str = "tonic";

const TABLE: Table = Table {
    title: "channel",
    subject: CHASSIS,
    others: &[TONIC],
    figures: &[
        figure(
            "RPC/s, 1 in flight, 1 address",
            "k/s",
            &[to(TONIC, AtLeast(1.0))],
        ),
        figure(
            "RPC/s, 50 in flight, 1 address",
            "k/s",
            &[to(TONIC, AtLeast(1.0))],
        ),
        figure(
            "RPC/s, 1 in flight, 10 addresses",
            "k/s",
            &[to(TONIC, AtLeast(1.0))],
        ),
        figure(
            "RPC/s, 50 in flight, 10 addresses",
            "k/s",
            &[to(TONIC, AtLeast(1.0))],
        ),
        figure(
            "client CPU, 1 in flight, 1 address",
            "µs",
            &[to(TONIC, AtMost(1.0))],
        ),
        figure(
            "client CPU, 50 in flight, 1 address",
            "µs",
            &[to(TONIC, AtMost(1.0))],
        ),
        figure(
            "client CPU, 1 in flight, 10 addresses",
            "µs",
            &[to(TONIC, AtMost(1.0))],
        ),
        figure(
            "client CPU, 50 in flight, 10 addresses",
            "µs",
            &[to(TONIC, AtMost(1.0))],
        ),
    ],
};

pub async fn run(built: &Built, settings: &Settings) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::new(&TABLE);
    // The fastest there is, and it listens at all addresses.
    let server = built.off().start(&[]).await?;
    for round in 1..=settings.rounds {
        for (name, caller) in [(CHASSIS, "caller-chassis"), (TONIC, "caller-bare")] {
            Part::Channel.tell(round, settings, name);
            for (addresses, at) in [(1, "1 address"), (10, "10 addresses")] {
                for in_flight in [1, 50] {
                    let output = Command::new(built.path(caller))
                        .args([server.port.to_string(), addresses.to_string()])
                        .args([
                            in_flight.to_string(),
                            settings.duration.as_millis().to_string(),
                        ])
                        .output()?;
                    if !output.status.success() {
                        let error = String::from_utf8_lossy(&output.stderr).into_owned();
                        return Err(format!("{caller}: {error}").into());
                    }
                    let [rpcs, took, cpu] = numbers(&output.stdout)?;
                    let load = format!("{in_flight} in flight, {at}");
                    results.add(name, &format!("RPC/s, {load}"), rpcs / took / 1e3);
                    results.add(name, &format!("client CPU, {load}"), cpu / rpcs * 1e6);
                }
            }
        }
    }
    Ok(results)
}

/// RPCs, the seconds that they took, and the seconds of CPU time.
fn numbers(printed: &[u8]) -> Result<[f64; 3], Box<dyn Error>> {
    let words = std::str::from_utf8(printed)?.split_whitespace();
    let numbers = words.map(str::parse).collect::<Result<Vec<_>, _>>()?;
    numbers
        .try_into()
        .map_err(|_| "a caller printed something else than three numbers".into())
}
