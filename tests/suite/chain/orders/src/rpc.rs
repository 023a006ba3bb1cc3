//! The adapter: protobuf in, one call of the core, protobuf or a `Status` out.

use std::pin::Pin;

use chassis::server::{Rpcs, limits::MAX_MESSAGE_SIZE};
use futures_util::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use orders_api::{
    DESCRIPTORS, GrpcServer, GrpcService, Line,
    proto::{
        self, PlaceOrderRequest, PlaceOrderResponse, WatchAvailabilityRequest,
        WatchAvailabilityResponse,
    },
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
    type WatchAvailabilityStream =
        Pin<Box<dyn Stream<Item = Result<WatchAvailabilityResponse, Status>> + Send>>;

    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let lines = request.into_inner().lines.into_iter().map(line);
        let order_id = self.service.place_order(lines.collect()).await?;
        Ok(Response::new(PlaceOrderResponse { order_id }))
    }

    async fn watch_availability(
        &self,
        request: Request<WatchAvailabilityRequest>,
    ) -> Result<Response<Self::WatchAvailabilityStream>, Status> {
        let missing = || Status::invalid_argument("the line is missing");
        let asked = request.into_inner().line.ok_or_else(missing)?;
        let available = self.service.watch_availability(line(asked)).await?;
        let available = available.map(|available| {
            let available = available?;
            Ok(WatchAvailabilityResponse { available })
        });
        Ok(Response::new(Box::pin(available)))
    }
}

fn line(line: proto::Line) -> Line {
    let proto::Line { sku, units } = line;
    Line { sku, units }
}

/// What a caller is told of an error of the core.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Empty => Self::invalid_argument(error.to_string()),
            Error::Inventory(status) => {
                Self::new(status.code(), format!("inventory: {}", status.message()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use inventory_api::MockApi;
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn an_error_of_the_inventory_keeps_its_code() {
        let mut inventory = MockApi::new();
        inventory
            .expect_reserve()
            .returning(|_, _| Err(Status::failed_precondition("only 1 left")));
        let service = Service::new(Arc::new(inventory));
        let lines = vec![proto::Line::default()];
        let request = Request::new(PlaceOrderRequest { lines });
        let status = Rpc { service }.place_order(request).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.message(), "inventory: only 1 left");
    }
}
