//! Where the instructions of an RPC go, by valgrind: to the crate whose function it is, or what
//! was compiled into it.

use std::{collections::BTreeMap, error::Error, io};

use super::{
    Part,
    counts::{SHORT, Tool},
};
use crate::{
    built::{Built, OFF, SERVICE},
    load::count,
    server::Target,
    settings::Settings,
    table::{Results, Table, figure},
};

const TABLE: Table = Table {
    title: "instructions of an RPC, 1 × 50",
    subject: SERVICE,
    others: &[OFF],
    figures: &[
        figure(CHASSIS, "k", &[]),
        figure(H2, "k", &[]),
        figure(HYPER, "k", &[]),
        figure(TOKIO, "k", &[]),
        figure(TONIC, "k", &[]),
        figure(HTTP, "k", &[]),
        figure(MEMORY, "k", &[]),
        figure(REST, "k", &[]),
    ],
};

const CHASSIS: &str = "chassis, service";
const H2: &str = "h2";
const HYPER: &str = "hyper";
const TOKIO: &str = "tokio";
const TONIC: &str = "tonic, prost";
const HTTP: &str = "http, bytes";
const MEMORY: &str = "malloc, memcpy";
const REST: &str = "standard library, others";

/// What begins the paths of whose functions; the first in a function's name is its owner.
const OWNERS: [(&str, &str); 14] = [
    ("bare::", CHASSIS),
    ("chassis::", CHASSIS),
    ("off::", CHASSIS),
    ("order_book", CHASSIS),
    ("h2::", H2),
    ("hyper::", HYPER),
    ("hyper_util::", HYPER),
    ("tokio::", TOKIO),
    ("tonic::", TONIC),
    ("tonic_prost::", TONIC),
    ("prost::", TONIC),
    ("http::", HTTP),
    ("http_body_util::", HTTP),
    ("bytes::", HTTP),
];

/// How those of the C library begin, without underscores.
const MEMORY_FUNCTIONS: [&str; 12] = [
    "calloc",
    "cfree",
    "free",
    "int_",
    "malloc",
    "memcmp",
    "memcpy",
    "memmove",
    "memset",
    "realloc",
    "tcache",
    "unlink_chunk",
];

const IN_FLIGHT: usize = 50;
const MORE: usize = 2000;

pub async fn run(built: &Built, settings: &Settings) -> Result<Results, Box<dyn Error>> {
    let mut results = Results::new(&TABLE);
    for target in built.with_symbols() {
        Part::Profile.tell(1, settings, target.name);
        let short = owned(&target, SHORT).await?;
        let long = owned(&target, SHORT + MORE).await?;
        for (owner, instructions) in long {
            let before = short.get(owner).unwrap_or(&0.0);
            let each = (instructions - before) / count(MORE);
            results.add(target.name, owner, each / 1e3);
        }
    }
    Ok(results)
}

async fn owned(target: &Target, rpcs: usize) -> io::Result<BTreeMap<&'static str, f64>> {
    let report = Tool::Callgrind.report(target, IN_FLIGHT, rpcs).await?;
    Ok(by_owner(&report))
}

/// What the functions of each owner took themselves.
///
/// <https://valgrind.org/docs/manual/cl-format.html>
fn by_owner(report: &str) -> BTreeMap<&'static str, f64> {
    let mut names = BTreeMap::new();
    let mut owners = BTreeMap::new();
    let mut current = REST;
    let mut called = false;
    for line in report.lines() {
        if let Some((kind @ ("fn" | "cfn"), name)) = line.split_once('=') {
            // `(id) name` at first, and then `(id)`.
            let (id, name) = name.split_once(' ').unwrap_or((name, ""));
            let known = *names.entry(id).or_insert_with(|| owner(name));
            if kind == "fn" {
                current = known;
            }
        } else if line.starts_with("calls=") {
            // The next line has what the callee took.
            called = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse().ok());
            if !std::mem::take(&mut called) {
                *owners.entry(current).or_insert(0.0) += cost.unwrap_or(0.0);
            }
        }
    }
    owners
}

fn owner(function: &str) -> &'static str {
    let first = OWNERS
        .iter()
        .filter_map(|(path, owner)| Some((function.find(path)?, *owner)))
        .min();
    let function = function.trim_start_matches('_');
    let is_memory = MEMORY_FUNCTIONS.iter().any(|it| function.starts_with(it));
    match first {
        Some((_, owner)) => owner,
        None if is_memory => MEMORY,
        None => REST,
    }
}
