//! Calls RPCs of awkward names, without a network in between.

use std::{
    future::{Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use contracts_api::contracts::{
    a::r#async::v1::Job,
    acme::r#type::v1::{
        self as acme,
        type_service_client::TypeServiceClient,
        type_service_server::{TypeService, TypeServiceServer},
    },
    awkward::v1::{self as awkward, Self_, awkward_service_client::AwkwardServiceClient},
    shapes::v1::{Everything, shapes_service_client::ShapesServiceClient},
};
use tonic::{
    GrpcMethod, Request, Response, Status,
    body::Body,
    codegen::{InterceptedService, Service, http, tokio_stream},
};

/// Nobody is there. Interceptors answer before.
#[derive(Clone)]
struct Nowhere;

impl Service<http::Request<Body>> for Nowhere {
    type Response = http::Response<Body>;
    type Error = Status;
    type Future = Ready<Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Request<Body>) -> Self::Future {
        ready(Err(Status::unavailable("nowhere")))
    }
}

/// Fails every RPC with the name that it has in the contract.
#[allow(clippy::needless_pass_by_value)] // It is an interceptor.
fn named(request: Request<()>) -> Result<Request<()>, Status> {
    let method = request.extensions().get::<GrpcMethod>().unwrap();
    Err(Status::unimplemented(method.method()))
}

/// What becomes of a future that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn rpcs_of_taken_names_are_called_as_the_contract_says() {
    let mut client = AwkwardServiceClient::new(InterceptedService::new(Nowhere, named));
    macro_rules! check {
        ($method:ident, $request:expr, $name:literal) => {
            let status = now(client.$method($request)).unwrap_err();
            assert_eq!(status.message(), $name);
        };
    }
    let one = Self_::default;
    let many = || tokio_stream::iter([Self_::default()]);
    check!(new_, one(), "New");
    check!(with_origin_, awkward::Option::default(), "WithOrigin");
    check!(with_interceptor_, awkward::Result {}, "WithInterceptor");
    check!(send_compressed_, awkward::Box {}, "SendCompressed");
    check!(accept_compressed_, awkward::Some {}, "AcceptCompressed");
    check!(
        max_decoding_message_size_,
        awkward::Request {},
        "MaxDecodingMessageSize"
    );
    check!(
        max_encoding_message_size_,
        awkward::Status {},
        "MaxEncodingMessageSize"
    );
    check!(connect, awkward::Error {}, "Connect");
    check!(clone_, tokio_stream::iter([awkward::Clone {}]), "Clone");
    check!(into_, one(), "Into");
    check!(try_into_, many(), "TryInto");
    check!(to_owned_, one(), "ToOwned");
    check!(r#type, awkward::Type {}, "Type");
    check!(self_, one(), "Self");
    check!(super_, one(), "Super");
    check!(r#async, one(), "Async");
    check!(default, awkward::Default {}, "Default");
    check!(drop, one(), "Drop");
    check!(request, awkward::Request {}, "request");
    check!(request_, awkward::Request {}, "Request");
    check!(get_url, one(), "GetURL");
    check!(get_url_, one(), "GetUrl");
    check!(watch, awkward::WatchStream {}, "Watch");
}

#[test]
fn messages_of_google_are_those_of_prost() {
    let mut client = ShapesServiceClient::new(InterceptedService::new(Nowhere, named));
    let everything = Everything {
        at: Some(prost_types::Timestamp::default()),
        mask: Some(prost_types::FieldMask::default()),
        number: Some(7),
        ..Everything::default()
    };
    let said = [
        now(client.place(everything)).unwrap_err(),
        now(client.now(())).unwrap_err(),
        now(client.wait(prost_types::Duration::default())).unwrap_err(),
        now(client.text(String::from("text"))).unwrap_err(),
        now(client.number(7)).unwrap_err(),
        now(client.flags(tokio_stream::iter([true]))).unwrap_err(),
    ];
    let said = said.each_ref().map(Status::message);
    assert_eq!(said, ["Place", "Now", "Wait", "Text", "Number", "Flags"]);
}

struct Rpc;

#[tonic::async_trait]
impl TypeService for Rpc {
    async fn r#type(&self, request: Request<acme::Type>) -> Result<Response<Job>, Status> {
        Ok(Response::new(request.into_inner().r#type.unwrap()))
    }
}

#[test]
fn a_package_may_hold_keywords() {
    let job = Job {
        self_: "self".into(),
        crate_: "crate".into(),
        r#match: true,
    };
    let request = acme::Type {
        r#type: Some(job.clone()),
    };
    let mut client = TypeServiceClient::new(TypeServiceServer::new(Rpc));
    assert_eq!(now(client.r#type(request)).unwrap().into_inner(), job);
}
