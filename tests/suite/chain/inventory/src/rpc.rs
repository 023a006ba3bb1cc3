//! The adapter: protobuf in, one call of the core, protobuf or a `Status` out.

use std::pin::Pin;

use chassis::server::{Rpcs, limits::MAX_MESSAGE_SIZE};
use futures_util::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use inventory_api::{
    DESCRIPTORS, GrpcServer, GrpcService,
    proto::{ReserveRequest, ReserveResponse, WatchRequest, WatchResponse},
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
    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn reserve(
        &self,
        request: Request<ReserveRequest>,
    ) -> Result<Response<ReserveResponse>, Status> {
        let ReserveRequest { sku, units } = request.into_inner();
        let units_left = self.service.reserve(sku, units).await?;
        Ok(Response::new(ReserveResponse { units_left }))
    }

    async fn watch(
        &self,
        request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let levels = self.service.watch(request.into_inner().sku);
        let levels = levels.map(|units| Ok(WatchResponse { units }));
        Ok(Response::new(Box::pin(levels)))
    }
}

/// What a caller is told of an error of the core.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::TooFew(_) => Self::failed_precondition(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn nobody_gets_more_than_there_is() {
        let service = Service::default();
        let request = |units| {
            let sku = "tea".into();
            Request::new(ReserveRequest { sku, units })
        };
        let rpc = Rpc { service };
        let response = rpc.reserve(request(1)).await.unwrap();
        assert_eq!(response.into_inner().units_left, 99);
        let status = rpc.reserve(request(100)).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.message(), "only 99 left");
    }
}
