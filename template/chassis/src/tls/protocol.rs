//! What the server and the channel speak over TLS.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

/// HTTP/2, as ALPN names it: all that gRPC speaks.
pub(crate) const H2: &[u8] = b"h2";

/// ring, because it builds with nothing but a C compiler.
pub(crate) fn cryptography() -> Arc<CryptoProvider> {
    ring::default_provider().into()
}
