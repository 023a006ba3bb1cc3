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
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::writer::{BoxMakeWriter, MakeWriterExt},
    layer::SubscriberExt,
    reload,
};

use super::format::{Json, Text};
use crate::file;

/// The target of state changes, which rank above warnings.
pub const STATE: &str = "state";

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

/// What is logged: this and everything more severe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogLevel {
    /// Everything, a line per RPC included.
    Debug,
    /// What an operator wants to know.
    Info,
    /// What an operator should look at, and state changes.
    Warning,
    /// State changes and errors.
    State,
    /// Errors.
    Error,
    /// Nothing.
    Quiet,
}

impl From<u8> for LogLevel {
    /// The level of `--loglevel`; anything above 5 is quiet, too.
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Debug,
            1 => Self::Info,
            2 => Self::Warning,
            3 => Self::State,
            4 => Self::Error,
            _ => Self::Quiet,
        }
    }
}

impl LogLevel {
    fn filter(self) -> Targets {
        let (level, state) = match self {
            // Libraries' debug lines would drown the service's own.
            Self::Debug => {
                return Targets::new()
                    .with_default(LevelFilter::INFO)
                    .with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG);
            }
            Self::Info => (LevelFilter::INFO, LevelFilter::INFO),
            Self::Warning => (LevelFilter::WARN, LevelFilter::INFO),
            Self::State => (LevelFilter::ERROR, LevelFilter::INFO),
            Self::Error => (LevelFilter::ERROR, LevelFilter::OFF),
            Self::Quiet => (LevelFilter::OFF, LevelFilter::OFF),
        };
        Targets::new().with_default(level).with_target(STATE, state)
    }
}

/// The filter in use, to be exchanged at run time, and the level it was made of.
static CURRENT: OnceLock<(reload::Handle<Targets, Registry>, AtomicU8)> = OnceLock::new();

/// Something that listens to log lines and spans.
pub type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging for this process, and gives `spans` what it is to send.
pub fn init(settings: &Settings, spans: Option<BoxedLayer>) -> Result<(), file::Error> {
    let writer = match &settings.dir {
        Some(dir) => {
            let path = dir.join(concat!(env!("CARGO_PKG_NAME"), ".log"));
            let file = fs::create_dir_all(dir)
                .and_then(|()| OpenOptions::new().create(true).append(true).open(&path))
                .map_err(|source| file::Error::io(&path, source))?;
            BoxMakeWriter::new(io::stderr.and(Arc::new(file)))
        }
        None => BoxMakeWriter::new(io::stderr),
    };
    let (filter, handle) = reload::Layer::new(settings.level.filter());
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match settings.format {
        Format::Text => layer.event_format(Text).boxed(),
        Format::Json => layer.event_format(Json).boxed(),
    };
    let layers: Vec<BoxedLayer> = iter::once(layer.with_filter(filter).boxed())
        .chain(spans)
        .collect();
    let subscriber = tracing_subscriber::registry().with(layers);
    // Either fails only where a log is set up already, as by another test of the same process.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let _ = CURRENT.set((handle, AtomicU8::new(settings.level as u8)));
    }
    Ok(())
}

/// What is logged now.
#[must_use]
pub fn level() -> LogLevel {
    let quiet = LogLevel::Quiet as u8;
    CURRENT
        .get()
        .map_or(quiet, |(_, level)| level.load(Relaxed))
        .into()
}

/// Logs `level` and what is more severe, from now on.
pub fn set_level(level: LogLevel) {
    if let Some((filter, current)) = CURRENT.get() {
        // Fails only where the subscriber is gone, which lives as long as the process.
        let _ = filter.reload(level.filter());
        current.store(level as u8, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn logged(level: u8) -> Vec<&'static str> {
        let filter = LogLevel::from(level).filter();
        let own = env!("CARGO_CRATE_NAME");
        [
            ("debug", own, Level::DEBUG),
            ("info", own, Level::INFO),
            ("warning", own, Level::WARN),
            ("state", STATE, Level::INFO),
            ("error", own, Level::ERROR),
            ("library debug", "h2", Level::DEBUG),
        ]
        .into_iter()
        .filter_map(|(name, target, level)| filter.would_enable(target, &level).then_some(name))
        .collect()
    }

    #[test]
    fn each_level_leaves_out_one_thing_more() {
        let all = ["debug", "info", "warning", "state", "error"];
        for level in 0..=5 {
            assert_eq!(logged(level), all[level.into()..], "level {level}");
        }
    }
}
