//! What a client asks of its channel.

use tonic::{
    body::Body,
    client::GrpcService,
    codegen::{self, Bytes, StdError},
};

/// A channel: the chassis's, tonic's, or either of them with an interceptor around it.
///
/// All that tonic asks of one, under a name; every type that can do it has it.
pub trait Transport:
    GrpcService<Body, Future: Send, ResponseBody: ResponseBody> + Clone + Send + Sync + 'static
{
}

impl<C> Transport for C where
    C: GrpcService<Body, Future: Send, ResponseBody: ResponseBody> + Clone + Send + Sync + 'static
{
}

/// What comes back through it.
pub trait ResponseBody:
    codegen::Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static
{
}

impl<B> ResponseBody for B where
    B: codegen::Body<Data = Bytes, Error: Into<StdError> + Send> + Send + 'static
{
}
