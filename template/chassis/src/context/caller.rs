//! Who makes an RPC, as far as that is proven.

/// Who makes an RPC: the names that its client certificate is for, which a CA of `--cafile`
/// has vouched for, or who the system says is at the other end of a Unix socket.
///
/// | name                        | of                                              |
/// |-----------------------------|-------------------------------------------------|
/// | `spiffe://example.org/shop` | the SPIFFE id of a certificate                  |
/// | `dns:shop.example.org`      | a DNS name of a certificate                     |
/// | `subject:CN=shop,O=Example` | the subject of a certificate, as RFC 4514 has it|
/// | `uid:1000`                  | the user that calls over a Unix socket          |
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
}

impl Caller {
    /// One who goes by these names, for tests.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
        }
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
