//! Drives servers in turn, A B A B …, and prints how they compare.

mod built;
mod cpu;
mod grpc;
mod http2;
mod load;
mod parts;
mod server;
mod settings;
mod table;
mod tls;
mod wire;

use std::{env, error::Error, process::ExitCode, thread};

use built::Built;
use settings::Settings;
use table::Tally;
use tokio::runtime::Builder;

const USAGE: &str = "usage: bench DIRECTORY, where everything that it measures has been built

ROUNDS (5), MILLISECONDS of each load in each round (1000) and ONLY, the parts to measure (all:
rpc profile tls streams channel chain peers build), are read from the environment.";

fn main() -> ExitCode {
    // Servers shall have as much of the machine as the client has, and one thread needs no scheduler of
    // several, which would take from both.
    let mut runtime = match thread::available_parallelism().map_or(1, usize::from) / 2 {
        0 | 1 => Builder::new_current_thread(),
        threads => {
            let mut runtime = Builder::new_multi_thread();
            runtime.worker_threads(threads);
            runtime
        }
    };
    let outcome = match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let built = Built(env::args_os().nth(1).ok_or(USAGE)?.into());
    let settings = Settings::from_env()?;
    let mut tally = Tally::default();
    for part in &settings.only {
        let results = part.run(&built, &settings).await?;
        let Tally { met, missed } = results.print();
        tally.met += met;
        tally.missed += missed;
    }
    println!("Ratios are medians of the rounds, with the least and the greatest.");
    println!("Goals: {} met, {} missed.", tally.met, tally.missed);
    Ok(())
}
