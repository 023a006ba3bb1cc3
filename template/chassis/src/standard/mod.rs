//! The standard gRPC services, which come with those of the contract.

pub(crate) mod health;
mod pb;
pub(crate) mod reflection;

/// Their contracts, as encoded `FileDescriptorSet`s.
pub(crate) const DESCRIPTORS: [&[u8]; 3] = [
    pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

/// Their names.
pub(crate) const NAMES: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];
