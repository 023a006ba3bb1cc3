//! Who calls, and what they may.
//!
//! | file     | its concern                                             |
//! |----------|---------------------------------------------------------|
//! | `rules`  | which names may call which methods                      |
//!
//! Health is asked by orchestrators, which show nothing: it is open to all unless a rule
//! names it. All else, reflection too, is open only as long as there is no rule at all.

mod rules;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use tokio::sync::watch;
use tonic::Status;
use tracing::warn;

pub use self::rules::Rule;
use self::rules::RulesFile;
use crate::{
    context::Caller,
    file,
    reload::{self, Source},
};

/// What the paths of the health service begin with.
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Who may call.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Settings {
    /// Let in who goes by this name only, as in spiffe://a/b, dns:a.b or /SERVICE/METHOD=dns:a.b; more than one with a ; between them [default: everybody]
    #[arg(long, value_name = "RULE", value_delimiter = ';')]
    pub allow: Vec<Rule>,
    /// The same from a file, a rule a line, which is read again as the TLS files are
    #[arg(long, value_name = "FILE")]
    pub allow_file: Option<PathBuf>,
}

/// Why that can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be used.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The system does not let the process listen for SIGHUP.
    #[error("can't listen for SIGHUP: {0}")]
    Signal(#[from] io::Error),
}

/// Decides on each RPC.
pub(crate) struct Auth {
    rules: Vec<Rule>,
    file: Option<watch::Receiver<Vec<Rule>>>,
}

/// Why a caller is not let in.
#[derive(Debug)]
pub(crate) struct Denied {
    /// For the metrics: one of [`DENIED`].
    pub(crate) label: &'static str,
    /// What the caller is told.
    pub(crate) status: Status,
}

/// All labels of those who are not let in.
pub(crate) const DENIED: [&str; 1] = ["not_allowed"];

impl Settings {
    /// Checks the files, without using them.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(path) = &self.allow_file {
            let file = RulesFile(path.clone());
            file.load(&file.read()?)?;
        }
        Ok(())
    }

    /// Loads the files, and again whenever they have changed.
    pub(crate) fn watch(self, interval: Duration) -> Result<Auth, Error> {
        let file = match self.allow_file {
            Some(path) => Some(reload::watch(RulesFile(path), interval, reload::hangup()?)?),
            None => None,
        };
        let rules = self.allow;
        Ok(Auth { rules, file })
    }
}

impl Auth {
    /// Lets the RPC of `path` in, or doesn't, as made by `caller`. Returns who makes it.
    pub(crate) fn admit(
        &self,
        path: &str,
        caller: Option<&Arc<Caller>>,
    ) -> Result<Option<Arc<Caller>>, Box<Denied>> {
        if self.is_open(path) || caller.is_some_and(|caller| self.allows(path, caller)) {
            return Ok(caller.cloned());
        }
        Err(Box::new(Denied {
            label: DENIED[0],
            status: Status::permission_denied("the caller may not call this method"),
        }))
    }

    /// Warns of rules that name what is not there, of which `exists` knows.
    pub(crate) fn warn_of_unknown(&self, exists: impl Fn(&str) -> bool) {
        self.any(|rule| {
            if let Some(path) = rule.path().filter(|path| !exists(path)) {
                warn!("A rule of --allow names {path}, which is not served here");
            }
            false
        });
    }

    fn is_open(&self, path: &str) -> bool {
        if self.rules.is_empty() && self.file.is_none() {
            return true;
        }
        if path.starts_with(HEALTH) && !self.any(|rule| rule.names(path)) {
            return true;
        }
        self.any(|rule| rule.is_for_anyone() && covers(rule, path))
    }

    fn allows(&self, path: &str, caller: &Caller) -> bool {
        self.any(|rule| covers(rule, path) && rule.is_for(caller))
    }

    /// Whether `test` is true of any rule.
    fn any(&self, test: impl Fn(&Rule) -> bool) -> bool {
        let of_file = |file: &watch::Receiver<Vec<Rule>>| file.borrow().iter().any(&test);
        self.rules.iter().any(&test) || self.file.as_ref().is_some_and(of_file)
    }
}

/// Whether `rule` says who may call the method of `path`.
fn covers(rule: &Rule, path: &str) -> bool {
    rule.names(path) || rule.is_for_all() && !path.starts_with(HEALTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: &str = "/shop.v1.Orders/Cancel";
    const CHECK: &str = "/grpc.health.v1.Health/Check";
    const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

    fn admits(rules: &[&str], path: &str, caller: Option<&str>) -> bool {
        let auth = Auth {
            rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
            file: None,
        };
        let caller = caller.map(|name| Arc::new(Caller::new([name])));
        auth.admit(path, caller.as_ref()).is_ok()
    }

    #[test]
    fn without_rules_all_may_call() {
        for path in [METHOD, CHECK, REFLECTION] {
            assert!(admits(&[], path, None) && admits(&[], path, Some("dns:a")));
        }
    }

    #[test]
    fn with_a_rule_only_who_it_names_may_call() {
        let rules = [
            "dns:a",
            "/shop.v1.Orders=dns:b",
            "/shop.v1.Orders/List=dns:c",
        ];
        for path in [METHOD, REFLECTION, "/nobody.has/This"] {
            assert!(admits(&rules, path, Some("dns:a")), "{path}");
            assert!(!admits(&rules, path, Some("dns:c")), "{path}");
            assert!(!admits(&rules, path, None), "{path}");
        }
        assert!(admits(&rules, METHOD, Some("dns:b")));
        assert!(!admits(&rules, REFLECTION, Some("dns:b")));
        assert!(admits(&rules, "/shop.v1.Orders/List", Some("dns:c")));
        assert!(admits(&["/shop.v1.Orders=*"], METHOD, None));
        assert!(!admits(&["/shop.v1.Orders=*"], REFLECTION, Some("dns:a")));
    }

    #[test]
    fn health_is_open_unless_a_rule_names_it() {
        assert!(admits(&["dns:a"], CHECK, None));
        let rules = ["dns:a", "/grpc.health.v1.Health=dns:b"];
        assert!(!admits(&rules, CHECK, None));
        assert!(!admits(&rules, CHECK, Some("dns:a")));
        assert!(admits(&rules, CHECK, Some("dns:b")));
    }

    #[test]
    fn an_empty_file_lets_nobody_in() {
        let (_sender, file) = watch::channel(Vec::new());
        let auth = Auth {
            rules: Vec::new(),
            file: Some(file),
        };
        let caller = Arc::new(Caller::new(["dns:a"]));
        let denied = auth.admit(METHOD, Some(&caller)).unwrap_err();
        assert_eq!(denied.status.code(), tonic::Code::PermissionDenied);
        assert!(auth.admit(CHECK, None).is_ok());
    }
}
