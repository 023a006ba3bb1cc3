//! The adapter: protobuf in, one call of the core, protobuf or a `Status` out.

use chassis::{
    server::{Rpcs, limits::MAX_MESSAGE_SIZE},
    status::Details,
};
use tonic::{Code, Request, Response, Status};

use {{crate_name}}_api::{
    DESCRIPTORS, GrpcServer, GrpcService,
    proto::{HelloRequest, HelloResponse},
};

use crate::service::{Error, Service};

/// The RPCs of `service`, ready to be served.
#[must_use]
pub fn rpcs(service: Service) -> Rpcs {
    let server = GrpcServer::new(Rpc { service })
        .max_decoding_message_size(MAX_MESSAGE_SIZE)
        .max_encoding_message_size(MAX_MESSAGE_SIZE);
    Rpcs::new().with(DESCRIPTORS, server)
}

struct Rpc {
    service: Service,
}

#[tonic::async_trait]
impl GrpcService for Rpc {
    // TODO: add a method here for each RPC that you add to the contract.
    async fn hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloResponse>, Status> {
        let HelloRequest { message } = request.into_inner();
        let message = self.service.hello(message).await?;
        Ok(Response::new(HelloResponse { message }))
    }
}

/// What a caller is told of an error of the core.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Nul(_) => Details::new()
                .violation("message", &error)
                .status(Code::InvalidArgument, format_args!("message: {error}")),
            Error::Upstream(status) => {
                Self::new(status.code(), format!("upstream: {}", status.message()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use {{crate_name}}_api::MockApi;

    use super::*;

    async fn hello(service: Service, message: &str) -> Result<String, Status> {
        let message = message.into();
        let request = Request::new(HelloRequest { message });
        let response = Rpc { service }.hello(request).await?;
        Ok(response.into_inner().message)
    }

    #[tokio::test]
    async fn hello_answers_with_the_message_it_was_sent() {
        let answer = hello(Service::default(), "Hello, world!").await;
        assert_eq!(answer.unwrap(), "Hello, world!");
    }

    #[tokio::test]
    async fn a_message_with_a_nul_is_refused_with_the_name_of_the_field() {
        let status = hello(Service::default(), "a\0b").await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(Details::of(&status).violations[0].field, "message");
    }

    #[tokio::test]
    async fn an_upstream_error_keeps_its_code() {
        let mut upstream = MockApi::new();
        upstream
            .expect_hello()
            .returning(|_| Err(Status::resource_exhausted("full")));
        let service = Service::with_upstream(Arc::new(upstream));
        let status = hello(service, "Hello, world!").await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "upstream: full");
    }
}
