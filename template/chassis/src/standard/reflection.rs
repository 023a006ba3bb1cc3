//! The gRPC reflection service, in both versions that clients speak.

use tonic_reflection::server::{
    Builder,
    v1::{ServerReflection as V1, ServerReflectionServer as V1Server},
    v1alpha::{ServerReflection as V1Alpha, ServerReflectionServer as V1AlphaServer},
};

use super::{DESCRIPTORS, NAMES};

/// What a client may learn.
#[derive(Clone, Copy)]
pub(crate) struct Contracts<'a> {
    /// The contracts that are served, with those that they import.
    pub(crate) descriptors: &'a [&'static [u8]],
    /// The services that are served, of all that are in them.
    pub(crate) names: &'a [&'static str],
}

const CHECKED: &str = "build scripts made the descriptors";

/// The reflection of `contracts`.
pub(crate) fn v1(contracts: Contracts<'_>) -> V1Server<impl V1 + use<>> {
    contracts.builder().build_v1().expect(CHECKED)
}

/// The same for clients that do not speak v1 yet.
pub(crate) fn v1alpha(contracts: Contracts<'_>) -> V1AlphaServer<impl V1Alpha + use<>> {
    contracts.builder().build_v1alpha().expect(CHECKED)
}

impl Contracts<'_> {
    fn builder(self) -> Builder<'static> {
        let builder = Builder::configure().include_reflection_service(false);
        let descriptors = self.descriptors.iter().copied().chain(DESCRIPTORS);
        let builder = descriptors.fold(builder, Builder::register_encoded_file_descriptor_set);
        let names = self.names.iter().copied().chain(NAMES);
        names.fold(builder, Builder::with_service_name)
    }
}
