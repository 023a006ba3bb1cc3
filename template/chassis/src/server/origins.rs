//! The origins whose pages may call.

use std::str::FromStr;

use hyper::{Uri, header::HeaderValue};

/// What `--web-origin` names: an origin as browsers write it (RFC 6454, section 6.2), or all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Origin(Option<String>);

/// Any of some.
pub(super) struct Origins(pub(super) Vec<Origin>);

impl FromStr for Origin {
    type Err = String;

    /// Reads `https://app.example.com`, with a port where it isn't that of the scheme, or `*`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(None));
        }
        let text = text.strip_suffix('/').unwrap_or(text).to_ascii_lowercase();
        let uri = text.parse::<Uri>().ok();
        let is_origin = uri.is_some_and(|uri| {
            let scheme = uri.scheme_str().filter(|it| ["http", "https"].contains(it));
            let host = uri.authority().filter(|it| !it.as_str().contains('@'));
            scheme
                .zip(host)
                .is_some_and(|(scheme, host)| format!("{scheme}://{host}") == text)
        });
        if is_origin {
            Ok(Self(Some(text)))
        } else {
            Err("it has to be scheme://host[:port], such as https://app.example.com, or *".into())
        }
    }
}

impl Origins {
    /// Whether nobody may.
    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether pages of `origin` may call.
    pub(super) fn allow(&self, origin: &HeaderValue) -> bool {
        let is_it = |allowed: &Origin| {
            let Origin(allowed) = allowed;
            allowed
                .as_ref()
                .is_none_or(|allowed| allowed.as_bytes() == origin.as_bytes())
        };
        self.0.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_maybe_a_port() {
        for good in [
            "https://a.example",
            "http://localhost:8080",
            "https://[::1]:1",
            "*",
        ] {
            good.parse::<Origin>().unwrap();
        }
        for bad in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://a.example/b",
            "https://u@a",
            "null",
        ] {
            let error = bad.parse::<Origin>().unwrap_err();
            assert!(error.contains("https://app.example.com"), "{bad}: {error}");
        }
        assert_eq!(
            "HTTPS://A.example/".parse::<Origin>(),
            "https://a.example".parse()
        );
    }

    #[test]
    fn an_origin_is_allowed_as_a_whole() {
        let origins =
            |texts: &[&str]| Origins(texts.iter().map(|it| it.parse().unwrap()).collect());
        let some = origins(&["https://a.example", "http://b.example:8080"]);
        for (origin, is_allowed) in [
            ("https://a.example", true),
            ("http://b.example:8080", true),
            ("http://a.example", false),
            ("https://a.example.evil", false),
            ("null", false),
        ] {
            assert_eq!(
                some.allow(&HeaderValue::from_static(origin)),
                is_allowed,
                "{origin}"
            );
        }
        assert!(origins(&["*"]).allow(&HeaderValue::from_static("null")));
        assert!(origins(&[]).are_none());
    }
}
