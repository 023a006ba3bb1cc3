//! The life of the process: what the `main` of a service does.

use std::{
    error,
    future::Future,
    io,
    pin::{Pin, pin},
    process::ExitCode,
    time::Duration,
};

use tracing::{error, warn};

use crate::{
    about::About,
    cli, healthcheck,
    lifecycle::{Lifecycle, Shutdown, State},
    server::{self, Rpcs, Server, limits::Limits},
    setup::Setup,
    signals, tasks,
    telemetry::{log, panics, traces},
};

/// How long a drain may take beyond its delay and its timeout. With their defaults it is over
/// before Kubernetes' grace period is, 30 s.
const GRACE: Duration = Duration::from_secs(2);

/// A service, as the chassis runs it: what is its own.
pub trait App: Sized {
    /// Why it can't start.
    type Error: error::Error;

    /// Checks its own files and settings, without connecting to anything: what a
    /// dry run does.
    fn check(&self) -> Result<(), Self::Error>;

    /// Connects to what it depends on, and returns what is to be served. A signal
    /// that stops the process meanwhile drops this.
    fn start(self, setup: &Setup) -> impl Future<Output = Result<Rpcs, Self::Error>>;
}

/// An [`App`] of whatever type. So all that serves it is compiled with the chassis, once, and not
/// with the service, whenever that changes.
trait AnyApp {
    fn check(&self) -> Result<(), Error>;

    fn start<'a>(self: Box<Self>, setup: &'a Setup) -> Starting<'a>
    where
        Self: 'a;
}

type Starting<'a> = Pin<Box<dyn Future<Output = Result<Rpcs, Error>> + 'a>>;

impl<A: App> AnyApp for A {
    fn check(&self) -> Result<(), Error> {
        App::check(self).map_err(Error::of_app)
    }

    fn start<'a>(self: Box<Self>, setup: &'a Setup) -> Starting<'a>
    where
        Self: 'a,
    {
        Box::pin(async { App::start(*self, setup).await.map_err(Error::of_app) })
    }
}

/// Why a service could not start, or ended early.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Log(#[from] log::Error),
    /// The system refuses what every process needs.
    #[error("can't start the runtime: {0}")]
    Runtime(#[from] io::Error),
    /// What the `OTEL_*` variables ask for can't be had.
    #[error("can't send spans: {0}")]
    Traces(#[from] traces::Error),
    #[error(transparent)]
    Server(#[from] server::Error),
    /// The service that runs here is not ready.
    #[error(transparent)]
    Unhealthy(#[from] healthcheck::Error),
    /// A task has ended that the service can't do without.
    #[error(transparent)]
    Task(#[from] tasks::Failure),
    /// Nobody takes the answer to a dry run.
    #[error("can't write to stdout: {0}")]
    Answer(io::Error),
    /// The service itself could not start, and says why.
    #[error("{0}")]
    App(String),
}

impl Error {
    fn of_app(error: impl error::Error) -> Self {
        Self::App(error.to_string())
    }
}

/// Runs the service until a signal stops it, and says how that went: with exit
/// code 0 where it stopped in order, with 1 where it could not start.
///
/// 1. open the log;
/// 2. bind the ports, and load what TLS needs;
/// 3. let `app` start;
/// 4. serve until a signal comes;
/// 5. drain, and end whatever is left.
///
/// A dry run checks the files and settings of 2 and 3 and ends there.
#[must_use]
pub fn main(about: &About, flags: cli::Flags, app: impl App) -> ExitCode {
    main_of_any(about, flags.into(), Box::new(app))
}

fn main_of_any(about: &About, invocation: cli::Invocation, app: Box<dyn AnyApp + '_>) -> ExitCode {
    let _last_lines = log::Flush;
    try_main(about, invocation, app).unwrap_or_else(|error| fail(about, &error))
}

/// Says why the service could not start, even where it is quiet.
fn fail(about: &About, error: &Error) -> ExitCode {
    if tracing::enabled!(tracing::Level::ERROR) {
        error!("{error}");
    } else {
        cli::complain(format_args!("{}: {error}", about.name));
    }
    ExitCode::FAILURE
}

fn try_main(
    about: &About,
    invocation: cli::Invocation,
    app: Box<dyn AnyApp + '_>,
) -> Result<ExitCode, Error> {
    if invocation.healthcheck {
        healthcheck::check(invocation.server.admin)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let spans = runtime.block_on(async {
        signals::on_hangup(log::reopen)?;
        Ok::<_, Error>(traces::layer(about)?)
    })?;
    log::init(about, &invocation.log, spans)?;
    panics::install();
    let lifecycle = Lifecycle::new();
    let outcome = runtime.block_on(run(about, invocation, app, &lifecycle));
    traces::flush();
    // A handler or a task that never returns must not keep the process alive.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            // The reason first: who reads of the state looks above it.
            let code = fail(about, &error);
            lifecycle.enter(State::Error);
            Ok(code)
        }
    }
}

async fn run(
    about: &About,
    invocation: cli::Invocation,
    app: Box<dyn AnyApp + '_>,
    lifecycle: &Lifecycle,
) -> Result<(), Error> {
    let shutdown = signals::shutdown()?;
    if invocation.dry_run {
        invocation.server.check()?;
        app.check()?;
        // The answer to who asked, however little is logged.
        return cli::say("Dry run: everything is in order").map_err(Error::Answer);
    }
    lifecycle.enter(State::Starting);
    let Limits {
        drain_delay,
        drain_timeout,
        ..
    } = invocation.server.limits;
    let server = Server::bind(about, invocation.server, lifecycle.clone()).await?;
    let setup = Setup::new(server.metrics(), lifecycle.clone());
    let tasks = lifecycle.tasks();
    let mut shutdown = pin!(async {
        let reason = tokio::select! {
            reason = shutdown => reason,
            () = tasks.failed() => Shutdown::Orchestrator,
        };
        let delay = match reason {
            Shutdown::Orchestrator => drain_delay,
            Shutdown::Terminal => Duration::ZERO,
        };
        if let Err(error) = signals::exit_after(delay + drain_timeout + GRACE) {
            warn!("Nobody watches over the drain: {error}");
        }
        reason
    });
    let rpcs = tokio::select! {
        rpcs = app.start(&setup) => Some(rpcs?),
        _ = &mut shutdown => None,
    };
    if let Some(rpcs) = rpcs {
        lifecycle.enter(State::Started);
        server.run(rpcs, shutdown).await;
    } else {
        lifecycle.enter(State::Stopping);
        tasks.stop();
        tasks.end_within(drain_timeout).await;
        lifecycle.enter(State::Stopped);
    }
    match tasks.failure() {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}
