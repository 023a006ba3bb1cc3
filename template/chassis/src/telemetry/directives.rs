//! What is let through of single libraries or modules: `h2=debug,rustls=trace`.

use std::{env, str::FromStr};

use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::filter::Targets;

/// Where directives come from unless a flag has them, as in most programs in Rust.
pub(super) const VARIABLE: &str = "RUST_LOG";

/// Directives in the form of `RUST_LOG`: `target=level`, or a level for all others.
#[derive(Clone, Debug, Default)]
pub struct Directives(Targets);

/// One of them can't be read.
#[derive(Debug, thiserror::Error)]
#[error("\"{0}\" is neither a level (off, error, warn, info, debug, trace) nor as in h2=debug")]
pub struct Error(String);

impl FromStr for Directives {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let directives = text.split(',').map(str::trim);
        let directives = directives.filter(|directive| !directive.is_empty());
        let targets = directives.map(|directive| {
            // What filters spans by their fields is not for lines.
            let known = |letter: char| letter.is_ascii_alphanumeric() || "_:-=".contains(letter);
            let targets = directive.parse::<Targets>().ok();
            targets
                .filter(|_| directive.chars().all(known))
                .ok_or_else(|| Error(directive.into()))
        });
        targets
            .reduce(|all, next| Ok(Self(next?).over(all?)))
            .unwrap_or_else(|| Ok(Targets::new()))
            .map(Self)
    }
}

impl Directives {
    /// Those of the environment, if there are any.
    pub(super) fn from_environment() -> Result<Self, Error> {
        let text = env::var_os(VARIABLE).unwrap_or_default();
        text.to_string_lossy().parse()
    }

    /// Whether a line of `target` is asked for by one of them.
    pub(super) fn ask_for(&self, target: &str, level: Level) -> bool {
        self.0.would_enable(target, &level)
    }

    /// The most verbose level that any of them asks for.
    pub(super) fn most(&self) -> LevelFilter {
        let levels = self.0.iter().map(|(_, level)| level);
        let all = levels.chain(self.0.default_level());
        all.max().unwrap_or(LevelFilter::OFF)
    }

    /// `targets`, and beyond that what they say, which goes first.
    pub(super) fn over(&self, targets: Targets) -> Targets {
        let targets = match self.0.default_level() {
            Some(level) => targets.with_default(level),
            None => targets,
        };
        targets.with_targets(self.0.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_go_before_the_level() {
        let base = Targets::new().with_default(Level::INFO);
        let directives: Directives = "h2=debug, hyper=off".parse().unwrap();
        let filter = directives.over(base.clone());
        assert!(filter.would_enable("h2::codec", &Level::DEBUG));
        assert!(!filter.would_enable("hyper", &Level::ERROR));
        assert!(filter.would_enable("tonic", &Level::INFO));
        assert!(!filter.would_enable("tonic", &Level::DEBUG));
        let all: Directives = "trace".parse().unwrap();
        assert!(all.over(base).would_enable("tonic", &Level::TRACE));
    }

    #[test]
    fn nothing_says_nothing() {
        for nothing in ["", " ", ","] {
            let directives: Directives = nothing.parse().unwrap();
            assert_eq!(directives.most(), LevelFilter::OFF, "{nothing:?}");
        }
    }

    #[test]
    fn what_can_t_be_read_is_named() {
        for wrong in ["h2=loud", "h2=debug=info", "h2[span]=debug", "h2 debug"] {
            let error = format!("info,{wrong}").parse::<Directives>().unwrap_err();
            let start = format!("\"{wrong}\" is neither a level");
            assert!(error.to_string().starts_with(&start), "{error}");
        }
    }
}
