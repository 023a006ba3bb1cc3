//! The adapter: protobuf in, one call of the core, protobuf or a `Status` out.

use std::pin::Pin;

use chassis::server::{Rpcs, limits::MAX_MESSAGE_SIZE};
use futures_util::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use front_api::{
    DESCRIPTORS, GrpcServer, GrpcService,
    proto::{CheckoutRequest, CheckoutResponse, StockBadgeRequest, StockBadgeResponse},
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
    type StockBadgeStream = Pin<Box<dyn Stream<Item = Result<StockBadgeResponse, Status>> + Send>>;

    async fn checkout(
        &self,
        request: Request<CheckoutRequest>,
    ) -> Result<Response<CheckoutResponse>, Status> {
        let CheckoutRequest { cart } = request.into_inner();
        let receipt = self.service.checkout(cart).await?;
        Ok(Response::new(CheckoutResponse { receipt }))
    }

    async fn stock_badge(
        &self,
        request: Request<StockBadgeRequest>,
    ) -> Result<Response<Self::StockBadgeStream>, Status> {
        let StockBadgeRequest { sku } = request.into_inner();
        let badge = self.service.stock_badge(sku).await?;
        let badge = badge.map(|text| {
            let text = text?.into();
            Ok(StockBadgeResponse { text })
        });
        Ok(Response::new(Box::pin(badge)))
    }
}

/// What a caller is told of an error of the core.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Orders(status) => {
                Self::new(status.code(), format!("orders: {}", status.message()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use orders_api::MockApi;
    use tonic::Code;

    use super::*;

    #[tokio::test]
    async fn an_error_of_orders_keeps_its_code() {
        let mut orders = MockApi::new();
        orders
            .expect_place_order()
            .returning(|_| Err(Status::invalid_argument("the order is empty")));
        let service = Service::new(Arc::new(orders));
        let request = Request::new(CheckoutRequest::default());
        let status = Rpc { service }.checkout(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "orders: the order is empty");
    }
}
