//! A service that is made with the chassis as any other is: what its tests start as
//! a program. Its RPCs do what their caller's script says, or are passed on
//! to another such service: `--client-port`. With `--echo-service-port` it serves a
//! second contract, by passing its calls on.

#[path = "../contract/mod.rs"]
mod contract;
mod pass_on;
#[path = "../scripted/mod.rs"]
mod scripted;

use std::{path::PathBuf, process::ExitCode, thread, time::Duration};

use chassis::{
    Setup, Tasks, channel,
    cli::{Flags as ChassisFlags, Prefix, Upstream},
    prometheus_client::metrics::counter::Counter,
    server::Rpcs,
};
use clap::{Args, ValueEnum};

use self::{
    contract::{
        COMMON, SCRIPTED,
        common::v1::{echo_client::EchoClient, echo_server::EchoServer},
        test::v1::scripted_client::ScriptedClient,
    },
    pass_on::PassOn,
    scripted::{ABOUT, Scripted, Stage},
};

/// What the program was asked to do.
#[derive(Args, Debug)]
struct Flags {
    #[command(flatten)]
    chassis: ChassisFlags,
    /// The service to pass calls on to, if any.
    #[command(flatten, next_help_heading = "Upstream")]
    client: Upstream<Client>,
    #[command(flatten, next_help_heading = "Second upstream")]
    echo: Upstream<Echo>,
    /// What there is to do beside RPCs
    #[arg(long, value_enum, hide_possible_values = true)]
    task: Option<Task>,
    /// Be ready only while there is this file
    #[arg(long)]
    needs: Option<PathBuf>,
}

/// Work beside RPCs, and what is wrong with it.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Task {
    /// It panics, and nobody misses it.
    Panics,
    /// It panics, and the service can't do without it.
    EssentialPanics,
    /// It ends, and the service can't do without it.
    EssentialEnds,
    /// It blocks all threads, and never ends.
    Blocks,
    /// It takes its time after the service has stopped, but ends.
    Lingers,
}

impl Task {
    fn start(self, tasks: &Tasks) {
        match self {
            Self::Panics => tasks.spawn("clumsy", async { panic!("it slipped") }),
            Self::EssentialPanics => {
                tasks.spawn_essential("clumsy", async { panic!("it slipped") });
            }
            Self::EssentialEnds => tasks.spawn_essential("short", async {}),
            Self::Blocks => {
                let threads = thread::available_parallelism().map_or(1, usize::from);
                for _ in 0..2 * threads {
                    tasks.spawn("stubborn", async {
                        loop {
                            thread::park();
                        }
                    });
                }
                tracing::info!("All threads are taken");
            }
            Self::Lingers => {
                let stopping = tasks.stopping();
                tasks.spawn_essential("thorough", async move {
                    stopping.cancelled().await;
                    tokio::time::sleep(Duration::from_millis(200)).await;
                    tracing::info!("All is put away");
                });
            }
        }
    }
}

/// Another such service: `--client-ip` and so on.
#[derive(Clone, Debug)]
struct Client;

impl Prefix for Client {
    const PREFIX: &'static str = "client";
    const PORT: u16 = 42400;
}

/// A service of another contract: `--echo-service-ip` and so on.
#[derive(Clone, Debug)]
struct Echo;

impl Prefix for Echo {
    const PREFIX: &'static str = "echo-service";
    const PORT: u16 = 42500;
}

/// What the service starts from.
struct App {
    upstream: Option<channel::Settings>,
    echo: Option<channel::Settings>,
    task: Option<Task>,
    needs: Option<PathBuf>,
}

/// Why it can't start.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("upstream: {0}")]
    Upstream(#[from] channel::Error),
}

fn main() -> ExitCode {
    match chassis::cli::parse::<Flags>(&ABOUT) {
        Ok(flags) => {
            let app = App {
                upstream: flags.client.settings(),
                echo: flags.echo.settings(),
                task: flags.task,
                needs: flags.needs,
            };
            chassis::main(&ABOUT, flags.chassis, app)
        }
        Err(answer) => answer.print(),
    }
}

impl chassis::App for App {
    type Error = Error;

    fn check(&self) -> Result<(), Error> {
        for upstream in [&self.upstream, &self.echo].into_iter().flatten() {
            upstream.check()?;
        }
        Ok(())
    }

    async fn start(self, setup: &Setup) -> Result<Rpcs, Error> {
        let starts: Counter = Counter::default();
        setup.metrics(|registry| registry.register("scripted_starts", "Starts", starts.clone()));
        starts.inc();
        if let Some(file) = self.needs {
            setup.readiness_probe("the file", Duration::from_millis(10), move || {
                let file = file.clone();
                async move {
                    match std::fs::read_to_string(file)?.trim() {
                        "slow" => std::future::pending().await,
                        "panic" => panic!("it slipped"),
                        _ => Ok::<_, std::io::Error>(()),
                    }
                }
            });
        }
        if let Some(task) = self.task {
            task.start(setup.tasks());
        }
        let rpcs = match &self.upstream {
            Some(upstream) => {
                let channel = setup.connect(upstream, SCRIPTED).await?;
                scripted::rpcs(PassOn(ScriptedClient::new(channel)))
            }
            None => scripted::rpcs(Scripted(Stage::default().into())),
        };
        let Some(echo) = &self.echo else {
            return Ok(rpcs);
        };
        let channel = setup.connect(echo, COMMON).await?;
        let server = EchoServer::new(PassOn(EchoClient::new(channel)));
        Ok(rpcs.with(COMMON, server))
    }
}
