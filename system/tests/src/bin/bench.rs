//! Measures each call of `calls.rs` by itself, and how much the services that it passes through add.

use std::{env, process::ExitCode, time::Duration};

use system_tests::{
    calls::calls,
    load::{Load, State},
    system::System,
};
use tokio::time::sleep;

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = env::var("BENCH_SECONDS").map_or(5, |text| text.parse().expect("a number"));
    let count = calls().len();
    if count == 0 {
        println!("tests/src/calls.rs names no call: there is nothing to measure");
        return ExitCode::FAILURE;
    }
    let mut measured = Vec::new();
    for at in 0..count {
        let call = calls().swap_remove(at);
        let name = format!("{}.{}", call.service, call.name);
        let hops = call.through.len();
        let load = Load::begin(System::from_env(), vec![call], None, "warm-up");
        sleep(Duration::from_secs(1)).await;
        let _ = load.enter(&name);
        sleep(Duration::from_secs(seconds)).await;
        measured.push((hops, load.enter(""), name));
    }
    // What the others are compared with: a call that ends in the service that is called.
    let direct = measured.iter().min_by_key(|(hops, ..)| *hops);
    let direct = direct.map_or(Duration::ZERO, |(_, state, _)| state.percentile(50));
    println!("call                             hops     RPC/s     p50       p99     p50 to direct");
    for (hops, state, name) in &measured {
        println!("{}", row(name, *hops, state, direct));
    }
    let failed = measured
        .iter()
        .any(|(_, state, _)| state.lost() + state.wrong() > 0);
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn row(name: &str, hops: usize, state: &State, direct: Duration) -> String {
    let [p50, p99] = [50, 99].map(|percent| state.percentile(percent).as_secs_f64() * 1000.0);
    let ratio = state.percentile(50).as_secs_f64() / direct.as_secs_f64();
    let rate = state.per_second();
    let mut row =
        format!("{name:<32} {hops:>4} {rate:>9.0} {p50:>6.2} ms {p99:>6.2} ms {ratio:>9.2}");
    if state.lost() + state.wrong() > 0 {
        row = format!("{row}\n{state}");
    }
    row
}
