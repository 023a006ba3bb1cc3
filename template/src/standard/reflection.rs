//! The gRPC reflection service, in both versions that clients speak.

use tonic::service::Routes;
use tonic_reflection::server::Builder;

/// Adds the reflection of the contract in `descriptors` to `routes`.
pub(crate) fn add(descriptors: &'static [u8], routes: Routes) -> Routes {
    const CHECKED: &str = "the build script made the descriptors";
    let builder = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    routes
        .add_service(builder().build_v1().expect(CHECKED))
        .add_service(builder().build_v1alpha().expect(CHECKED))
}
