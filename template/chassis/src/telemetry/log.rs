//! The log: to the terminal, and to a file where one is asked for.

use std::{
    fs::{self, OpenOptions},
    io, iter,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
};

use clap::ValueEnum;
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::writer::{BoxMakeWriter, MakeWriterExt},
    layer::{Identity, SubscriberExt},
    reload,
};

use super::{
    format::{Json, Text},
    level::LogLevel,
};
use crate::{about::About, file};

/// How much is logged, and where to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to leave out.
    pub level: LogLevel,
    /// How each line looks.
    pub format: Format,
    /// Directory of the log file, besides the terminal.
    pub dir: Option<PathBuf>,
}

/// How each line looks.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For machines: one object per line.
    Json,
}

/// What can be changed of the log while it is written.
struct Current {
    filter: reload::Handle<Targets, Registry>,
    level: AtomicU8,
    /// The crate of the service.
    own: &'static str,
}

static CURRENT: OnceLock<Current> = OnceLock::new();

/// Starts the log of this process, which is the service that `about` tells of,
/// and gives `spans` what it is to send.
pub fn init<L>(about: &About, settings: &Settings, spans: Option<L>) -> Result<(), file::Error>
where
    L: Layer<Registry> + Send + Sync,
{
    let writer = match &settings.dir {
        Some(dir) => {
            let path = dir.join(format!("{}.log", about.name));
            let file = fs::create_dir_all(dir)
                .and_then(|()| OpenOptions::new().create(true).append(true).open(&path))
                .map_err(|source| file::Error::io(&path, source))?;
            BoxMakeWriter::new(io::stderr.and(Arc::new(file)))
        }
        None => BoxMakeWriter::new(io::stderr),
    };
    let filter = settings.level.filter(about.crate_name);
    let (filter, handle) = reload::Layer::new(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match settings.format {
        Format::Text => layer.event_format(Text).boxed(),
        Format::Json => layer.event_format(Json).boxed(),
    };
    let layers: Vec<_> = iter::once(layer.with_filter(filter).boxed())
        .chain(spans.map(Layer::boxed))
        .collect();
    let subscriber = tracing_subscriber::registry().with(layers);
    // Either fails only where a log is set up already, as by another test of the same process.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = CURRENT.set(Current {
            filter: handle,
            level: AtomicU8::new(settings.level as u8),
            own: about.crate_name,
        });
    }
    Ok(())
}

/// Starts the log of a program that has no flags for it: what people want to know,
/// to the terminal.
pub fn to_terminal(about: &About) -> Result<(), file::Error> {
    let settings = Settings {
        level: LogLevel::Info,
        format: Format::Text,
        dir: None,
    };
    init(about, &settings, None::<Identity>)
}

/// What is logged now.
#[must_use]
pub fn level() -> LogLevel {
    let quiet = LogLevel::Quiet as u8;
    let level = CURRENT.get().map(|current| current.level.load(Relaxed));
    level.unwrap_or(quiet).into()
}

/// Logs `level` and what is more severe, from now on.
pub fn set_level(level: LogLevel) {
    if let Some(current) = CURRENT.get() {
        // Fails only where the subscriber is gone, which lives as long as the process.
        let _ = current.filter.reload(level.filter(current.own));
        current.level.store(level as u8, Relaxed);
    }
}
