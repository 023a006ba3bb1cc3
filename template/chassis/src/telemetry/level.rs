//! How much is logged: levels, and what each lets through.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

/// The target of state changes, which rank above warnings.
pub(crate) const STATE: &str = "state";

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
    /// What it lets through, where `own` is the crate of the service.
    pub(super) fn filter(self, own: &str) -> Targets {
        let (level, state) = match self {
            // Libraries' debug lines would drown the service's own.
            Self::Debug => {
                return Targets::new()
                    .with_default(LevelFilter::INFO)
                    .with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG)
                    .with_target(own, LevelFilter::DEBUG);
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn logged(level: u8) -> Vec<&'static str> {
        let own = "order_book";
        let filter = LogLevel::from(level).filter(own);
        [
            ("debug", own, Level::DEBUG),
            ("debug of the chassis", "chassis::server", Level::DEBUG),
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
        let all = [
            "debug",
            "debug of the chassis",
            "info",
            "warning",
            "state",
            "error",
        ];
        assert_eq!(logged(0), all);
        for level in 1..=5 {
            assert_eq!(
                logged(level),
                all[1 + usize::from(level)..],
                "level {level}"
            );
        }
    }
}
