//! Lines of libraries that log by the crate `log`, as rustls does: passed on to
//! tracing where a directive asks for them. Otherwise they cost what they cost
//! without: a comparison.

use log::{Log, Metadata, Record};
use tracing::{Level, event};

use super::{directives::Directives, level::RECORD};

struct Records(Directives);

/// Passes on from now on what `directives` ask for.
pub(super) fn pass_on(directives: &Directives) {
    // Both crates call the levels the same.
    let most = directives.most().to_string().parse();
    let most = most.unwrap_or(log::LevelFilter::Off);
    // Fails where another has been set, by whoever wants something else done with them.
    if most > log::LevelFilter::Off
        && log::set_boxed_logger(Box::new(Records(directives.clone()))).is_ok()
    {
        log::set_max_level(most);
    }
}

impl Log for Records {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.ask_for(metadata.target(), level(metadata.level()))
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let (from, text) = (record.target(), record.args());
        // Each level is a place of its own to tracing.
        match record.level() {
            log::Level::Error => event!(target: RECORD, Level::ERROR, from, "{text}"),
            log::Level::Warn => event!(target: RECORD, Level::WARN, from, "{text}"),
            log::Level::Info => event!(target: RECORD, Level::INFO, from, "{text}"),
            log::Level::Debug => event!(target: RECORD, Level::DEBUG, from, "{text}"),
            log::Level::Trace => event!(target: RECORD, Level::TRACE, from, "{text}"),
        }
    }

    fn flush(&self) {}
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::ERROR,
        log::Level::Warn => Level::WARN,
        log::Level::Info => Level::INFO,
        log::Level::Debug => Level::DEBUG,
        log::Level::Trace => Level::TRACE,
    }
}
