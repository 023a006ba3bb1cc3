//! What a call shows of its caller.

use tonic::{Status, metadata::MetadataMap};

/// Adds to the metadata of each call what shows who makes it, such as a token. It
/// may wait for that, within the deadline of the call.
///
/// ```
/// use chassis::channel::Credentials;
/// use tonic::{Status, metadata::MetadataMap};
///
/// struct Token(String);
///
/// #[tonic::async_trait]
/// impl Credentials for Token {
///     async fn add(&self, _: &str, metadata: &mut MetadataMap) -> Result<(), Status> {
///         let bearer = format!("Bearer {}", self.0);
///         let bearer = bearer.parse().map_err(|_| Status::internal("no ASCII"))?;
///         metadata.insert("authorization", bearer);
///         Ok(())
///     }
/// }
/// ```
#[tonic::async_trait]
pub trait Credentials: Send + Sync {
    /// Adds to the `metadata` of a call of `method`, as in `/inventory.v1.Inventory/Reserve`.
    /// A call that fails here is not made, and ends with this status.
    async fn add(&self, method: &str, metadata: &mut MetadataMap) -> Result<(), Status>;
}
