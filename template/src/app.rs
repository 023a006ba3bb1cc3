//! Puts the parts together: settings in, a running service out.

use std::{io, pin::pin, process::ExitCode, sync::Arc};

use tracing::{error, info};

use crate::{
    cli::Settings,
    client::{self, Client},
    file, healthcheck,
    lifecycle::{Lifecycle, State},
    rpc,
    server::{self, Server},
    service::Service,
    signals,
    telemetry::{log, panics, traces},
};

/// Why the service could not start, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log can't be written.
    #[error(transparent)]
    Log(#[from] file::Error),
    /// The system refuses what every process needs.
    #[error("can't start the runtime: {0}")]
    Runtime(#[from] io::Error),
    /// What the `OTEL_*` variables ask for can't be had.
    #[error("can't send spans: {0}")]
    Traces(#[from] traces::Error),
    /// The chassis could not be set up.
    #[error(transparent)]
    Server(#[from] server::Error),
    /// The service that runs here is not ready.
    #[error(transparent)]
    Unhealthy(#[from] healthcheck::Error),
    /// The upstream can't be reached.
    #[error("upstream: {0}")]
    Upstream(#[from] client::Error),
}

/// Runs the service until a signal stops it, and says how that went.
#[must_use]
pub fn main(settings: Settings) -> ExitCode {
    match try_main(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Even a quiet service says why it did not start.
            if tracing::enabled!(tracing::Level::ERROR) {
                error!("{error}");
            } else {
                eprintln!("{}: {error}", env!("CARGO_PKG_NAME"));
            }
            ExitCode::FAILURE
        }
    }
}

fn try_main(settings: Settings) -> Result<(), Error> {
    if settings.healthcheck {
        return Ok(healthcheck::check(settings.server.admin)?);
    }
    let runtime = tokio::runtime::Runtime::new()?;
    let spans = runtime.block_on(async { traces::layer() })?;
    log::init(&settings.log, spans)?;
    panics::install();
    let lifecycle = Lifecycle::new();
    let outcome = runtime.block_on(run(settings, &lifecycle));
    traces::flush();
    // A handler that never returns must not keep the process alive.
    runtime.shutdown_background();
    outcome.inspect_err(|_| lifecycle.enter(State::Error))
}

/// Brings the service up, serves, and takes it down:
///
/// 1. bind the port, and load what TLS needs;
/// 2. connect to the upstream, if there is one;
/// 3. serve until a signal comes;
/// 4. drain.
///
/// A dry run checks the files and settings of 1 and 2 and ends there.
async fn run(settings: Settings, lifecycle: &Lifecycle) -> Result<(), Error> {
    let mut shutdown = pin!(signals::shutdown()?);
    if settings.dry_run {
        settings.server.check().map_err(server::Error::Tls)?;
        if let Some(upstream) = &settings.upstream {
            upstream.check()?;
        }
        // The answer to who asked, however little is logged.
        println!("Dry run: everything is in order");
        return Ok(());
    }
    lifecycle.enter(State::Starting);
    let server = Server::bind(settings.server, lifecycle.clone()).await?;
    let service = tokio::select! {
        service = set_up(settings.upstream) => service?,
        _ = &mut shutdown => {
            lifecycle.enter(State::Stopping);
            lifecycle.enter(State::Stopped);
            return Ok(());
        }
    };
    lifecycle.enter(State::Started);
    server.run(rpc::rpcs(service), shutdown).await;
    Ok(())
}

async fn set_up(upstream: Option<client::Settings>) -> Result<Service, client::Error> {
    let Some(upstream) = upstream else {
        return Ok(Service::default());
    };
    let client = Client::connect(&upstream).await?;
    info!("Successfully connected to {}!", upstream.address());
    Ok(Service::with_upstream(Arc::new(client)))
}
