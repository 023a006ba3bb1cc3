//! The log: to the terminal, and to a file where one is asked for.

use std::{
    env,
    io::{self, IsTerminal},
    iter,
    path::PathBuf,
    slice,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use clap::ValueEnum;
use tracing::warn;
use tracing_subscriber::{
    Layer, Registry,
    filter::Targets,
    fmt::{MakeWriter, layer},
    layer::{Identity, SubscriberExt},
    reload,
};

use super::{
    directives::{Directives, VARIABLE},
    format::{Json, Text},
    level::LogLevel,
    libraries::Bounded,
    output::Output,
    records,
    sink::{Sink, Tee},
};
use crate::{about::About, file};

/// How long the last lines may take to be written, while nobody reads them perhaps.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How much is logged, and where to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to leave out.
    pub level: LogLevel,
    /// What to log of single libraries or modules, whatever the level; unless given,
    /// what `RUST_LOG` says.
    pub filter: Option<Directives>,
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

/// Why there can be no log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its file can't be opened.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The system starts no thread that writes it.
    #[error("can't start the log: {0}")]
    Thread(#[from] io::Error),
}

/// What can be changed of the log while it is written.
struct Current {
    filter: reload::Handle<Targets, Registry>,
    level: AtomicU8,
    directives: Directives,
    /// The crate of the service.
    own: &'static str,
    sinks: Vec<Arc<Sink>>,
}

type Lines = Box<dyn Layer<Registry> + Send + Sync>;

static CURRENT: OnceLock<Current> = OnceLock::new();

/// Starts the log of this process, which is the service that `about` tells of,
/// and gives `spans` what it is to send.
///
/// Nobody waits for a line to be written; see [`flush`].
pub fn init<L>(about: &About, settings: &Settings, spans: Option<L>) -> Result<(), Error>
where
    L: Layer<Registry> + Send + Sync,
{
    let mut sinks = vec![Sink::start("stderr", Output::stderr()?)?];
    if let Some(dir) = &settings.dir {
        let output = Output::in_dir(dir, &format!("{}.log", about.name))?;
        sinks.push(Sink::start("file", output)?);
    }
    let layer = |colours, sinks: &[_]| lines(about, settings.format, colours, Tee::new(sinks));
    let lines = match &sinks[..] {
        // Only where they look different is each formatted for itself.
        [stderr, file @ ..] if coloured() => {
            vec![layer(true, slice::from_ref(stderr)), layer(false, file)]
        }
        all => vec![layer(false, all)],
    };
    start(about, settings, lines, sinks, spans);
    Ok(())
}

/// Starts the log of a program that has no flags for it: what people want to know,
/// to the terminal. Its lines keep their order with what it prints.
pub fn to_terminal(about: &About) {
    let settings = Settings {
        level: LogLevel::Info,
        filter: None,
        format: Format::Text,
        dir: None,
    };
    let lines = lines(about, settings.format, coloured(), io::stderr);
    start(about, &settings, vec![lines], Vec::new(), None::<Identity>);
}

fn start<L>(
    about: &About,
    settings: &Settings,
    lines: Vec<Lines>,
    sinks: Vec<Arc<Sink>>,
    spans: Option<L>,
) where
    L: Layer<Registry> + Send + Sync,
{
    let (directives, wrong) = match &settings.filter {
        Some(directives) => (directives.clone(), None),
        None => match Directives::from_environment() {
            Ok(directives) => (directives, None),
            Err(error) => (Directives::default(), Some(error)),
        },
    };
    let filter = settings.level.filter(about.crate_name, &directives);
    let (filter, handle) = reload::Layer::new(filter);
    let lines = Bounded {
        lines,
        directives: directives.clone(),
    };
    let layers: Vec<_> = iter::once(lines.with_filter(filter).boxed())
        .chain(spans.map(Layer::boxed))
        .collect();
    let subscriber = tracing_subscriber::registry().with(layers);
    // Either fails only where a log is set up already, as by another test of the same process.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        records::pass_on(&directives);
        let _ = CURRENT.set(Current {
            filter: handle,
            level: AtomicU8::new(settings.level as u8),
            directives,
            own: about.crate_name,
            sinks,
        });
    }
    if let Some(error) = wrong {
        // It may be meant for other programs: no reason not to start.
        warn!("{VARIABLE} is left aside: {error}");
    }
}

/// The layer that has `writer` write each line.
fn lines<W>(about: &About, format: Format, colours: bool, writer: W) -> Lines
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // To complain of lost lines would be to panic, where stderr is closed.
    let layer = layer().with_writer(writer).log_internal_errors(false);
    // Colours are those of `Text`, whatever other crates turn on.
    let layer = layer.with_ansi(false);
    let own = about.crate_name;
    match format {
        Format::Text => layer.event_format(Text { colours, own }).boxed(),
        Format::Json => layer.event_format(Json).boxed(),
    }
}

/// Whether stderr shows colours, and may: <https://no-color.org>.
fn coloured() -> bool {
    let set = |variable| env::var_os(variable).is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    io::stderr().is_terminal() && !set("NO_COLOR") && !dumb
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
        let filter = level.filter(current.own, &current.directives);
        let _ = current.filter.reload(filter);
        current.level.store(level as u8, Relaxed);
    }
}

/// Opens the log file anew, as after it was moved away.
pub(crate) fn reopen() {
    sinks().for_each(Sink::reopen);
}

/// Waits until all lines are written, for a second at most: whoever ends the process
/// otherwise than by returning from `main` calls this before.
pub fn flush() {
    let until = Instant::now() + LAST_LINES;
    sinks().for_each(|sink| sink.flush(until));
}

/// The lines that were lost so far, by where they should have gone.
pub(super) fn lost() -> impl Iterator<Item = (&'static str, u64)> {
    sinks().map(|sink| (sink.label, sink.lost()))
}

fn sinks() -> impl Iterator<Item = &'static Sink> {
    let current = CURRENT.get().into_iter();
    current.flat_map(|current| current.sinks.iter().map(|sink| &**sink))
}

/// Has the last lines written when it is dropped, even by a panic.
pub(crate) struct Flush;

impl Drop for Flush {
    fn drop(&mut self) {
        flush();
    }
}
