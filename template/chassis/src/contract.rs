//! What a contract says of its methods, read from its encoded `FileDescriptorSet`.

use prost::Message;
use prost_types::{
    FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
    method_options::IdempotencyLevel,
};

/// A method of a contract.
#[derive(Clone, Debug)]
pub(crate) struct MethodDescriptor {
    /// With its package, as in `grpc.health.v1.Health`.
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) shape: Shape,
    /// Whether a second call with the same request does no harm: `idempotency_level`.
    pub(crate) idempotent: bool,
}

/// On which sides a method has a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    Unary,
    ClientStream,
    ServerStream,
    BidiStream,
}

impl Shape {
    /// Whether there is one request, and no stream of them.
    pub(crate) fn has_one_request(self) -> bool {
        matches!(self, Self::Unary | Self::ServerStream)
    }

    /// Whether there is one response, and no stream of them.
    pub(crate) fn has_one_response(self) -> bool {
        matches!(self, Self::Unary | Self::ClientStream)
    }

    /// As gRPC-Prometheus calls it, in its label `grpc_type`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::ClientStream => "client_stream",
            Self::ServerStream => "server_stream",
            Self::BidiStream => "bidi_stream",
        }
    }
}

/// The methods of all services in `descriptors`; none where these are nonsense.
pub(crate) fn methods(descriptors: &[u8]) -> impl Iterator<Item = MethodDescriptor> {
    let set = FileDescriptorSet::decode(descriptors).unwrap_or_default();
    set.file.into_iter().flat_map(|file| {
        let services = file.service.iter().flat_map(|service| {
            let name = full_name(&file, service);
            service.method.iter().map(move |it| method(&name, it))
        });
        services.collect::<Vec<_>>()
    })
}

fn full_name(file: &FileDescriptorProto, service: &ServiceDescriptorProto) -> String {
    match file.package() {
        "" => service.name().into(),
        package => format!("{package}.{}", service.name()),
    }
}

fn method(service: &str, method: &MethodDescriptorProto) -> MethodDescriptor {
    let options = method.options.as_ref();
    let level = options.map(prost_types::MethodOptions::idempotency_level);
    MethodDescriptor {
        service: service.into(),
        name: method.name().into(),
        shape: match (method.client_streaming(), method.server_streaming()) {
            (false, false) => Shape::Unary,
            (true, false) => Shape::ClientStream,
            (false, true) => Shape::ServerStream,
            (true, true) => Shape::BidiStream,
        },
        idempotent: matches!(
            level,
            Some(IdempotencyLevel::NoSideEffects | IdempotencyLevel::Idempotent)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_is_read_with_packages_and_shapes() {
        let methods: Vec<_> = methods(tonic_health::pb::FILE_DESCRIPTOR_SET).collect();
        let watch = methods.iter().find(|it| it.name == "Watch").unwrap();
        assert_eq!(watch.service, "grpc.health.v1.Health");
        assert_eq!(watch.shape, Shape::ServerStream);
        assert!(!watch.idempotent, "it doesn't say so");
    }

    #[test]
    fn what_is_no_contract_has_no_methods() {
        assert_eq!(methods(b"").count(), 0);
        assert_eq!(methods(b"nothing of the kind").count(), 0);
    }
}
