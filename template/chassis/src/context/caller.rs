//! Who makes an RPC, as far as that is proven.

#[cfg(feature = "jwt")]
use std::sync::Arc;

#[cfg(feature = "jwt")]
use hyper::header::HeaderValue;
#[cfg(feature = "jwt")]
use serde_json::{Map, Value};

/// Who makes an RPC: the names that its client certificate is for, which a CA of `--cafile`
/// has vouched for, or who the system says is at the other end of a Unix socket; and those of
/// its token (feature `jwt`).
///
/// | name                        | of                                              |
/// |-----------------------------|-------------------------------------------------|
/// | `spiffe://example.org/shop` | the SPIFFE id of a certificate                  |
/// | `dns:shop.example.org`      | a DNS name of a certificate                     |
/// | `subject:CN=shop,O=Example` | the subject of a certificate, as RFC 4514 has it|
/// | `uid:1000`                  | the user that calls over a Unix socket          |
/// | `token:alice`               | the subject (`sub`) of a token                  |
/// | `scope:orders.read`         | a scope that a token is for                     |
///
/// ```
/// use chassis::Caller;
/// use tonic::Status;
///
/// /// In a handler:
/// fn cancel(owner: &str) -> Result<(), Status> {
///     let caller = Caller::current();
///     if caller.is_none_or(|caller| !caller.has(owner)) {
///         return Err(Status::permission_denied("only who has ordered may cancel"));
///     }
///     Ok(())
/// }
/// # cancel("dns:shop.example.org").unwrap_err();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Caller {
    names: Vec<String>,
    #[cfg(feature = "jwt")]
    token: Option<Token>,
}

/// A token that was verified.
#[cfg(feature = "jwt")]
#[derive(Clone, Debug)]
struct Token {
    authorization: HeaderValue,
    claims: Arc<Map<String, Value>>,
}

impl Caller {
    /// One who goes by these names, for tests.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            #[cfg(feature = "jwt")]
            token: None,
        }
    }

    /// The one whose connection is that of `caller`, with a token that says this.
    #[cfg(feature = "jwt")]
    pub(crate) fn with_token(
        caller: Option<&Arc<Self>>,
        authorization: HeaderValue,
        claims: Arc<Map<String, Value>>,
    ) -> Self {
        let text = |claim| claims.get(claim).and_then(Value::as_str);
        let subject = text("sub").map(|subject| format!("token:{subject}"));
        // A list with spaces in between (RFC 8693, section 4.2).
        let scopes = text("scope").unwrap_or_default().split(' ');
        let scopes = scopes.filter(|scope| !scope.is_empty());
        let scopes = scopes.map(|scope| format!("scope:{scope}"));
        let of_connection = caller.into_iter().flat_map(|caller| caller.names.clone());
        Self {
            names: subject
                .into_iter()
                .chain(of_connection)
                .chain(scopes)
                .collect(),
            token: Some(Token {
                authorization,
                claims,
            }),
        }
    }

    /// What its token says, which was verified (feature `jwt`).
    ///
    /// ```
    /// use chassis::Caller;
    /// use tonic::Status;
    ///
    /// /// In a handler: of which tenant its caller is.
    /// fn tenant() -> Result<String, Status> {
    ///     let caller = Caller::current();
    ///     let claims = caller.as_deref().and_then(Caller::claims);
    ///     let tenant = claims.and_then(|claims| claims.get("tenant")?.as_str());
    ///     let none = || Status::permission_denied("the token names no tenant");
    ///     tenant.map(String::from).ok_or_else(none)
    /// }
    /// # tenant().unwrap_err();
    /// ```
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn claims(&self) -> Option<&Map<String, Value>> {
        Some(&self.token.as_ref()?.claims)
    }

    /// Its token, as in `Bearer …`, to be shown to others.
    #[cfg(feature = "jwt")]
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        Some(&self.token.as_ref()?.authorization)
    }

    /// All names, those that say most first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether it goes by this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }

    /// What it is called in the log.
    pub(crate) fn name(&self) -> Option<&str> {
        self.names().next()
    }
}
