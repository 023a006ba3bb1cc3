//! Who may call what: `--allow`.

use std::{path::PathBuf, str::FromStr};

use crate::{
    context::Caller,
    file::{self, Error},
    reload::Source,
};

/// What names begin with.
const KINDS: &[&str] = &[
    "spiffe://",
    "dns:",
    "subject:",
    "uid:",
    #[cfg(feature = "jwt")]
    "token:",
    #[cfg(feature = "jwt")]
    "scope:",
];

/// Any caller, also one that shows nothing.
const ANYONE: &str = "*";

/// Lets those of one name call one method, one service, or all of them but health: `NAME`,
/// `/SERVICE=NAME` or `/SERVICE/METHOD=NAME`.
///
/// A name is one of [`Caller`]'s; one that ends with `/*` stands for all that begin so, and
/// `*` for anyone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// `/package.Service/` or `/package.Service/Method`; empty for all.
    path: String,
    name: String,
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, name) = match text.split_once('=') {
            Some((path, name)) if path.starts_with('/') => (path_of(path)?, name),
            _ => (String::new(), text),
        };
        let is_name = |kind: &&str| name.strip_prefix(*kind).is_some_and(|it| !it.is_empty());
        let known = name == ANYONE || KINDS.iter().any(is_name);
        if !known || name.chars().any(char::is_control) {
            let kinds = KINDS.join(", ");
            return Err(format!(
                "it has to be a name that begins with one of {kinds}, or *, \
                 which /SERVICE= or /SERVICE/METHOD= may stand before"
            ));
        }
        // As in the names of certificates.
        let name = match name.strip_prefix("dns:") {
            Some(dns) => format!("dns:{}", dns.to_ascii_lowercase()),
            None => name.into(),
        };
        Ok(Self { path, name })
    }
}

fn path_of(path: &str) -> Result<String, String> {
    let segments: Vec<_> = path.split('/').skip(1).collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return Err("before the = has to stand /SERVICE or /SERVICE/METHOD, \
                    as in /shop.v1.Orders/Cancel"
            .into());
    }
    match segments[..] {
        [service] => Ok(format!("/{service}/")),
        [_, _] => Ok(path.into()),
        _ => Err("a method is /SERVICE/METHOD, with one / between them".into()),
    }
}

impl Rule {
    /// Whether it is about the method of `path`, and not about all.
    pub(super) fn names(&self, path: &str) -> bool {
        self.path == path || self.path.ends_with('/') && path.starts_with(&self.path)
    }

    /// The path of the service or method that it names, unless it is about all.
    pub(super) fn path(&self) -> Option<&str> {
        (!self.path.is_empty()).then_some(&self.path)
    }

    pub(super) fn is_for_all(&self) -> bool {
        self.path.is_empty()
    }

    pub(super) fn is_for_anyone(&self) -> bool {
        self.name == ANYONE
    }

    /// Whether `caller` goes by its name.
    pub(super) fn is_for(&self, caller: &Caller) -> bool {
        match self.name.strip_suffix('*') {
            Some(begin) if begin.ends_with('/') => {
                caller.names().any(|name| name.starts_with(begin))
            }
            _ => caller.has(&self.name),
        }
    }
}

/// A file of rules, one a line; lines that begin with `#` are comments.
pub(super) struct RulesFile(pub(super) PathBuf);

impl Source for RulesFile {
    type Content = Vec<u8>;
    type Loaded = Vec<Rule>;

    const NAME: &'static str = "the file of --allow-file";

    fn read(&self) -> Result<Vec<u8>, Error> {
        file::read(&self.0)
    }

    fn load(&self, content: &Vec<u8>) -> Result<Vec<Rule>, Error> {
        let text = str::from_utf8(content).map_err(|_| Error::content(&self.0, "is not UTF-8"))?;
        let lines = text.lines().enumerate();
        let lines = lines.map(|(index, line)| (index + 1, line.trim()));
        let rules = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let rule = |(number, line): (usize, &str)| {
            line.parse().map_err(|reason| {
                let line = line.escape_debug();
                Error::content(&self.0, format_args!("line {number}: \"{line}\": {reason}"))
            })
        };
        let rules = rules.map(rule).collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            // As it is for a moment while it is written.
            return Err(Error::content(
                &self.0,
                "holds no rule, by which nobody may call",
            ));
        }
        Ok(rules)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        text.parse().unwrap()
    }

    #[test]
    fn a_rule_is_about_all_a_service_or_a_method() {
        let path = "/shop.v1.Orders/Cancel";
        assert!(rule("dns:a").is_for_all());
        assert!(rule("/shop.v1.Orders=dns:a").names(path));
        assert!(rule("/shop.v1.Orders/Cancel=dns:a").names(path));
        for other in [
            "dns:a",
            "/shop.v1.Order=dns:a",
            "/shop.v1.OrdersOld=dns:a",
            "/shop.v1.Orders/Cance=dns:a",
            "/shop.v1.Orders/CancelAll=dns:a",
        ] {
            assert!(!rule(other).names(path), "{other}");
        }
    }

    #[test]
    fn a_rule_is_for_who_goes_by_its_name() {
        let caller = Caller::new(["spiffe://a.b/ns/shop", "dns:shop.a", "subject:CN=x,O=y"]);
        for name in [
            "spiffe://a.b/ns/shop",
            "spiffe://a.b/ns/*",
            "spiffe://a.b/*",
            "dns:SHOP.a",
            "subject:CN=x,O=y",
            "/a.B/C=subject:CN=x,O=y",
        ] {
            assert!(rule(name).is_for(&caller), "{name}");
        }
        for name in [
            "spiffe://a.b/ns",
            "spiffe://a.b/ns/shop/*",
            "spiffe://a.b/ns/sh*",
            "spiffe://a/*",
            "dns:shop",
            "dns:*",
            "subject:CN=x",
        ] {
            assert!(!rule(name).is_for(&caller), "{name}");
        }
        assert!(rule("*").is_for_anyone() && rule("/a.B=*").is_for_anyone());
        assert!(!rule("spiffe://*").is_for_anyone());
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "shop",
            "dns:",
            "spiffe://",
            "DNS:a",
            "/a.B/C",
            "/a.B/C=",
            "/a.B/C=shop",
            "/=dns:a",
            "//C=dns:a",
            "/a.B/=dns:a",
            "/a.B/C/D=dns:a",
            "dns:a\u{1b}[31m",
        ] {
            assert!(text.parse::<Rule>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_file_has_a_rule_a_line() {
        let file = RulesFile("rules".into());
        let text = b"# who may do what\n\n dns:a \r\n/a.B=*\n".to_vec();
        assert_eq!(file.load(&text).unwrap(), [rule("dns:a"), rule("/a.B=*")]);
        let empty = file.load(&b"# nobody\n".to_vec()).unwrap_err();
        assert!(empty.to_string().contains("rules holds no rule"));
        let error = file.load(&b"dns:a\nshop\n".to_vec()).unwrap_err();
        let sentence = error.to_string();
        assert!(
            sentence.starts_with(r#"rules line 2: "shop": it has to be"#),
            "{sentence}"
        );
    }
}
