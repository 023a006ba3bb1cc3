//! Keeps the system under load until an empty line comes in, or stdin ends, and then on until there were
//! `--calls`. Each other line is the name of a state that begins now; what became of the calls in the one before
//! is printed, and then `good`, or `bad` if a call was lost or answered wrongly. At the end the same is said of
//! all.
//!
//! With `--faults` a state is called after the service that something is done to, as in `inventory: kill`. Then
//! calls that pass through it may be lost; and no others, and none any more `--recovery` seconds after the
//! state `inventory: kill, repaired` began, which lasts until all is well.

use std::{env, fmt, process::ExitCode, time::Duration};

use system_tests::{
    calls::calls,
    load::{Load, State},
    system::System,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    time::sleep,
};

/// Calls a second, unless `LOAD_RATE` says otherwise: enough to see a gap of 10 ms.
const RATE: u32 = 500;

/// After which all is well again: longer than a call may take.
const QUIET: Duration = Duration::from_secs(3);

/// How often to look.
const SOON: Duration = Duration::from_millis(50);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().collect();
    let after = |flag: &str| arguments.iter().skip_while(|it| *it != flag).nth(1);
    let wanted: u64 = after("--calls").map_or(0, |calls| calls.parse().expect("a number"));
    let faults = arguments.iter().any(|it| it == "--faults");
    let rate = env::var("LOAD_RATE").map_or(RATE, |rate| rate.parse().expect("a number"));

    if calls().is_empty() {
        println!("tests/src/calls.rs names no call: only the health of each service is asked for");
    }
    let system = System::from_env();
    let calls = system.calls();
    let mut lines = BufReader::new(stdin()).lines();
    let Ok(Some(first)) = lines.next_line().await else {
        return ExitCode::SUCCESS;
    };
    let load = Load::begin(system, calls, Some(rate), &first);
    let recovery = after("--recovery").map_or(0, |seconds| seconds.parse().expect("a number"));
    let mut all = Total {
        faults: faults.then(|| Duration::from_secs(recovery)),
        ..Total::default()
    };
    let mut state = first;
    while let Ok(Some(next)) = lines.next_line().await
        && !next.is_empty()
    {
        settles(&load, &state, all.faults).await;
        all.add(&load.enter(&next));
        state = next;
    }
    while all.calls + load.calls() < wanted {
        sleep(SOON).await;
    }
    settles(&load, &state, all.faults).await;
    all.add(&load.enter(""));
    println!("{all}");
    ExitCode::SUCCESS
}

/// Waits until all is well in `state`, where that is one after a repair, or has had the time for it.
async fn settles(load: &Load, state: &str, recovery: Option<Duration>) {
    if let Some(recovery) = recovery
        && state.ends_with("repaired")
    {
        while !load.has_settled(QUIET, recovery + QUIET) {
            sleep(SOON).await;
        }
    }
}

#[derive(Default)]
struct Total {
    /// How long it may take until all is well, where faults are made.
    faults: Option<Duration>,
    calls: u64,
    lost: u64,
    wrong: u64,
    /// How many should not have been.
    bad: u64,
}

impl Total {
    fn add(&mut self, state: &State) {
        println!("{state}");
        let bad = state.wrong()
            + match self.faults {
                Some(recovery) => unexpected(state, recovery),
                None => state.lost(),
            };
        println!("{}", verdict(bad));
        self.calls += state.calls;
        self.lost += state.lost();
        self.wrong += state.wrong();
        self.bad += bad;
    }
}

impl fmt::Display for Total {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls, lost, wrong, ..
        } = self;
        let name = "in all";
        writeln!(
            formatter,
            "{name:<32} {calls:>7} calls {lost:>5} lost {wrong:>4} wrong"
        )?;
        write!(formatter, "{}", verdict(self.bad))
    }
}

fn verdict(bad: u64) -> &'static str {
    if bad == 0 { "good" } else { "bad" }
}

/// How many calls were lost that should not have been, whatever was done to a service; says so.
fn unexpected(state: &State, recovery: Duration) -> u64 {
    let service = state.name.split(':').next().unwrap_or_default();
    let mut lost = state.failed_without(service);
    if lost > 0 {
        println!("  {lost} of them have nothing to do with {service}");
    }
    if state.name.ends_with("repaired") && state.until_well() > recovery {
        println!("  it was not well within {} s", recovery.as_secs());
        lost += 1;
    }
    lost
}
