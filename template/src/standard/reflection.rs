//! The gRPC reflection service, in both versions that clients speak.

use tonic_reflection::server::{
    Builder,
    v1::{ServerReflection as V1, ServerReflectionServer as V1Server},
    v1alpha::{ServerReflection as V1Alpha, ServerReflectionServer as V1AlphaServer},
};

const CHECKED: &str = "the build script made the descriptors";

/// The reflection of the contract in `descriptors`.
pub(crate) fn v1(descriptors: &'static [u8]) -> V1Server<impl V1> {
    builder(descriptors).build_v1().expect(CHECKED)
}

/// The same for clients that do not speak v1 yet.
pub(crate) fn v1alpha(descriptors: &'static [u8]) -> V1AlphaServer<impl V1Alpha> {
    builder(descriptors).build_v1alpha().expect(CHECKED)
}

fn builder(descriptors: &'static [u8]) -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(descriptors)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
