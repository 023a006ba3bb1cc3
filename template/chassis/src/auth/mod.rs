//! Who calls, and what they may.
//!
//! | file     | its concern                                             |
//! |----------|---------------------------------------------------------|
//! | `rules`  | which names may call which methods                      |
//! | `jwt`    | tokens that show names (feature `jwt`)                  |
//! | `denied` | why a caller is not let in                              |
//! | `error`  | why it can't be told who may call                       |
//!
//! Health is asked by orchestrators, which show nothing: it is open to all unless a rule
//! names it. All else, reflection too, is open only as long as there is no
//! rule at all, nor keys of tokens. What is open to anyone is so whatever token there is.

mod denied;
mod error;
#[cfg_attr(not(feature = "jwt"), path = "no_jwt.rs")]
pub mod jwt;
mod rules;

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use hyper::HeaderMap;
use tokio::sync::watch;
use tonic::Status;
use tracing::warn;

use self::{denied::Denied, jwt::Tokens, rules::RulesFile};
pub use self::{error::Error, rules::Rule};
use crate::{
    context::Caller,
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
    /// Tokens (feature `jwt`).
    #[command(flatten)]
    pub jwt: jwt::Settings,
}

/// Decides on each RPC.
pub(crate) struct Auth {
    rules: Vec<Rule>,
    file: Option<watch::Receiver<Vec<Rule>>>,
    tokens: Option<Tokens>,
}

const NOT_ALLOWED: &str = "not_allowed";

/// All labels of those who are not let in.
pub(crate) fn denied() -> Vec<&'static str> {
    [&[NOT_ALLOWED], &jwt::REFUSED[..]].concat()
}

impl Settings {
    /// Checks the files, without using them.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(path) = &self.allow_file {
            let file = RulesFile(path.clone());
            file.load(&file.read()?)?;
        }
        self.jwt.check()?;
        Ok(())
    }

    /// Loads the files, and again whenever they have changed.
    pub(crate) fn watch(self, interval: Duration) -> Result<Auth, Error> {
        let file = match self.allow_file {
            Some(path) => Some(reload::watch(RulesFile(path), interval, reload::hangup()?)?),
            None => None,
        };
        Ok(Auth {
            rules: self.allow,
            file,
            tokens: self.jwt.watch(interval)?,
        })
    }
}

impl Auth {
    /// Lets the RPC of `path` with these `headers` in, or doesn't, whose connection is that
    /// of `caller`. Returns who makes it.
    pub(crate) fn admit(
        &self,
        path: &str,
        headers: &HeaderMap,
        caller: Option<&Arc<Caller>>,
    ) -> Result<Option<Arc<Caller>>, Box<Denied>> {
        if self.is_open(path) {
            return Ok(caller.cloned());
        }
        let caller = match &self.tokens {
            // A rule may name its certificate.
            Some(tokens) => tokens.identify(headers, caller, |caller| {
                self.has_rules() && self.allows(path, caller)
            })?,
            None => caller.cloned(),
        };
        if caller.as_ref().is_some_and(|it| self.allows(path, it)) {
            return Ok(caller);
        }
        let told = "the caller may not call this method";
        Err(Box::new(Denied {
            label: NOT_ALLOWED,
            reason: told.into(),
            status: Status::permission_denied(told),
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
        if path.starts_with(HEALTH) && !self.any(|rule| rule.names(path)) {
            return true;
        }
        if !self.has_rules() {
            return self.tokens.is_none();
        }
        self.any(|rule| rule.is_for_anyone() && covers(rule, path))
    }

    fn has_rules(&self) -> bool {
        !self.rules.is_empty() || self.file.is_some()
    }

    fn allows(&self, path: &str, caller: &Caller) -> bool {
        !self.has_rules() || self.any(|rule| covers(rule, path) && rule.is_for(caller))
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
            tokens: None,
        };
        let caller = caller.map(|name| Arc::new(Caller::new([name])));
        auth.admit(path, &HeaderMap::new(), caller.as_ref()).is_ok()
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
            tokens: None,
        };
        let caller = Arc::new(Caller::new(["dns:a"]));
        let denied = auth
            .admit(METHOD, &HeaderMap::new(), Some(&caller))
            .unwrap_err();
        assert_eq!(denied.status.code(), tonic::Code::PermissionDenied);
        assert!(auth.admit(CHECK, &HeaderMap::new(), None).is_ok());
    }
}
