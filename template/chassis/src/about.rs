//! Who the service is: all that the chassis can't know and has to be told.

/// Who the service is. [`about!`](crate::about!) makes it from the package that it is called in.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The package, as in `order-book`: the name of the program, its log file and its spans.
    pub name: &'static str,
    /// The crate, as in `order_book`: whose debug lines are logged at level 0.
    pub crate_name: &'static str,
    /// Its version, as in `0.1.0`.
    pub version: &'static str,
    /// Who wrote it.
    pub authors: &'static str,
    /// What it does, in one sentence.
    pub description: &'static str,
    /// The git revision that it was built from, if the build said so (`REVISION`).
    pub revision: Option<&'static str>,
    /// The year of its copyright, as in `2026`.
    pub year: &'static str,
    /// What its environment variables begin with: `ORDER_BOOK` for `ORDER_BOOK_PORT`.
    pub env_prefix: &'static str,
    /// The port of its gRPC server, unless a flag says otherwise.
    pub port: u16,
}

impl About {
    /// The environment variable of a flag: `client-port` or `client_port` alike.
    #[must_use]
    pub fn variable(&self, flag: &str) -> String {
        let flag = flag.to_uppercase().replace('-', "_");
        format!("{}_{flag}", self.env_prefix)
    }
}

/// An [`About`] of the package that this is called in: of its fields give `year`,
/// `env_prefix` and `port`, since cargo knows the others.
///
/// ```
/// use chassis::About;
///
/// const ABOUT: About = chassis::about! {
///     year: "2026",
///     env_prefix: "ORDER_BOOK",
///     port: 42302,
/// };
/// assert_eq!(ABOUT.variable("client-port"), "ORDER_BOOK_CLIENT_PORT");
/// ```
#[macro_export]
macro_rules! about {
    ($($field:ident: $value:expr),* $(,)?) => {
        $crate::About {
            name: env!("CARGO_PKG_NAME"),
            crate_name: env!("CARGO_CRATE_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            authors: env!("CARGO_PKG_AUTHORS"),
            description: env!("CARGO_PKG_DESCRIPTION"),
            revision: option_env!("REVISION"),
            $($field: $value),*
        }
    };
}
