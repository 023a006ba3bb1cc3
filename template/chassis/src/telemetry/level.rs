//! How much is logged: levels, and what each lets through.

use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;

use super::directives::Directives;

/// The target of state changes, which rank above warnings.
pub(crate) const STATE: &str = "state";

/// The target of lines that come by the crate `log`, and only where they are asked for.
pub(super) const RECORD: &str = "log";

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

/// It is neither a number nor a name of a level.
#[derive(Debug, thiserror::Error)]
#[error("a number from 0 to 5, or debug, info, warning, state, error, quiet")]
pub struct Error;

impl FromStr for LogLevel {
    type Err = Error;

    /// The level of a number or a name, in whatever case.
    fn from_str(text: &str) -> Result<Self, Error> {
        match &*text.to_ascii_lowercase() {
            "0" | "debug" => Ok(Self::Debug),
            "1" | "info" => Ok(Self::Info),
            "2" | "warn" | "warning" => Ok(Self::Warning),
            "3" | "state" => Ok(Self::State),
            "4" | "error" => Ok(Self::Error),
            "5" | "quiet" => Ok(Self::Quiet),
            _ => Err(Error),
        }
    }
}

impl LogLevel {
    /// What it lets through, and beyond it what `more` asks for, where `own` is the
    /// crate of the service. Quiet is quiet, whatever is asked for.
    pub(super) fn filter(self, own: &str, more: &Directives) -> Targets {
        // No more than is asked for: the most verbose level is what all RPCs pay for.
        let targets = Targets::new().with_target(RECORD, more.most());
        let (level, state) = match self {
            // Libraries' debug lines would drown the service's own.
            Self::Debug => {
                let targets = targets
                    .with_default(LevelFilter::INFO)
                    .with_target(env!("CARGO_CRATE_NAME"), LevelFilter::DEBUG)
                    .with_target(own, LevelFilter::DEBUG);
                return more.over(targets);
            }
            Self::Info => (LevelFilter::INFO, LevelFilter::INFO),
            Self::Warning => (LevelFilter::WARN, LevelFilter::INFO),
            Self::State => (LevelFilter::ERROR, LevelFilter::INFO),
            Self::Error => (LevelFilter::ERROR, LevelFilter::OFF),
            Self::Quiet => return Targets::new().with_default(LevelFilter::OFF),
        };
        more.over(targets.with_default(level).with_target(STATE, state))
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn logged(level: u8) -> Vec<&'static str> {
        let own = "order_book";
        let filter = LogLevel::from(level).filter(own, &Directives::default());
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

    #[test]
    fn each_level_has_a_number_and_a_name() {
        let names = ["debug", "info", "warning", "state", "error", "quiet"];
        for (number, name) in names.into_iter().enumerate() {
            let level = LogLevel::from(u8::try_from(number).unwrap());
            for text in [&*number.to_string(), name, &name.to_uppercase()] {
                assert_eq!(text.parse::<LogLevel>().unwrap(), level, "{text}");
            }
        }
        assert_eq!("warn".parse::<LogLevel>().unwrap(), LogLevel::Warning);
        for wrong in ["6", "-1", "", "01", "loud"] {
            assert!(wrong.parse::<LogLevel>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn nothing_is_looked_at_that_nobody_asked_for() {
        let filter = LogLevel::Info.filter("order_book", &Directives::default());
        let levels = filter.iter().map(|(_, level)| level);
        assert_eq!(levels.max(), Some(LevelFilter::INFO));
    }

    #[test]
    fn quiet_is_quiet_whatever_is_asked_for() {
        let directives = "trace,h2=trace".parse().unwrap();
        let filter = LogLevel::Quiet.filter("order_book", &directives);
        assert!(!filter.would_enable("h2", &Level::ERROR));
        let filter = LogLevel::Error.filter("order_book", &directives);
        assert!(filter.would_enable("h2", &Level::TRACE));
    }
}
