//! The adapter: protobuf in, one call of the core, protobuf or a `Status` out.

use chassis::server::{Rpcs, limits::MAX_MESSAGE_SIZE};
use tonic::{Request, Response, Status};

use exchange_api::{
    DESCRIPTORS, GrpcServer, GrpcService, Money, Order,
    proto::{PlaceOrderRequest, PlaceOrderResponse},
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
    async fn place_order(
        &self,
        request: Request<PlaceOrderRequest>,
    ) -> Result<Response<PlaceOrderResponse>, Status> {
        let order = order(request.into_inner())?;
        let order_id = self.service.place_order(order).await?;
        Ok(Response::new(PlaceOrderResponse { order_id }))
    }
}

/// The order that a caller asks for. A message may be absent, however needed it is.
fn order(request: PlaceOrderRequest) -> Result<Order, Status> {
    let missing = || Status::invalid_argument("the limit is missing");
    let limit = request.limit.ok_or_else(missing)?;
    Ok(Order {
        instrument: request.instrument,
        quantity: request.quantity,
        limit: Money {
            currency: limit.currency,
            amount: limit.amount,
        },
    })
}

/// What a caller is told of an error of the core.
impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Empty => Self::invalid_argument(error.to_string()),
            Error::Upstream(status) => {
                Self::new(status.code(), format!("upstream: {}", status.message()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tonic::Code;

    use exchange_api::{MockApi, proto};

    use super::*;

    fn request(quantity: u64) -> PlaceOrderRequest {
        PlaceOrderRequest {
            instrument: "ACME".into(),
            quantity,
            limit: Some(proto::Money::default()),
        }
    }

    async fn place(service: Service, request: PlaceOrderRequest) -> Result<String, Status> {
        let response = Rpc { service }.place_order(Request::new(request)).await?;
        Ok(response.into_inner().order_id)
    }

    #[tokio::test]
    async fn place_order_answers_with_an_id() {
        let answer = place(Service::default(), request(7)).await;
        assert_eq!(answer.unwrap(), "ACME-1");
    }

    #[tokio::test]
    async fn half_an_order_is_refused() {
        let unlimited = PlaceOrderRequest {
            limit: None,
            ..request(7)
        };
        for (request, expected) in [
            (unlimited, "the limit is missing"),
            (request(0), "the quantity is 0"),
        ] {
            let status = place(Service::default(), request).await.unwrap_err();
            assert_eq!(status.code(), Code::InvalidArgument);
            assert_eq!(status.message(), expected);
        }
    }

    #[tokio::test]
    async fn an_upstream_error_keeps_its_code() {
        let mut upstream = MockApi::new();
        upstream
            .expect_place_order()
            .returning(|_| Err(Status::resource_exhausted("full")));
        let service = Service::with_upstream(Arc::new(upstream));
        let status = place(service, request(7)).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.message(), "upstream: full");
    }
}
