//! What is served: generated servers, and what may be around them.

use chassis::server::Rpcs;
use hyper::Response as HttpResponse;
use tonic::{
    Code, Request, Status,
    body::Body,
    service::{LayerExt, interceptor::InterceptedService},
};
use tower::{BoxError, ServiceBuilder};

use crate::{
    contract::{SCRIPTED, test::v1::scripted_server::ScriptedServer},
    scripted::Scripted,
    support::{InProcess, SERVICE, http::metric, request},
};

async fn serving(rpcs: impl FnOnce(Scripted) -> Rpcs) -> InProcess {
    InProcess::serving(InProcess::settings(&[]), "scripted", rpcs).await
}

/// Lets those in that say who they are.
fn guard(request: Request<()>) -> Result<Request<()>, Status> {
    match request.metadata().get("authorization") {
        Some(_) => Ok(request),
        None => Err(Status::unauthenticated("who are you?")),
    }
}

#[tokio::test]
async fn an_interceptor_decides_who_is_let_in_and_its_status_is_counted() {
    let server = serving(|scripted| {
        let guarded = InterceptedService::new(ScriptedServer::new(scripted), guard);
        Rpcs::new().with(SCRIPTED, guarded)
    })
    .await;
    let mut stub = server.stub().await;
    let status = stub.unary(request("reply")).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unauthenticated, "who are you?")
    );
    let mut known = request("reply");
    let token = "Bearer 1234".parse().unwrap();
    known.metadata_mut().insert("authorization", token);
    stub.unary(known).await.unwrap();
    for code in ["Unauthenticated", "OK"] {
        let name = format!(
            "grpc_server_handled_total{{grpc_service=\"{SERVICE}\",grpc_method=\"Unary\",\
             grpc_type=\"unary\",grpc_code=\"{code}\"}}"
        );
        assert_eq!(metric(&server.admin, &name).await, Some(1.0), "{code}");
    }
}

#[tokio::test]
async fn the_generated_server_may_bring_its_own_interceptor() {
    let server = serving(|scripted| {
        let guarded = ScriptedServer::with_interceptor(scripted, guard);
        Rpcs::new().with(SCRIPTED, guarded)
    })
    .await;
    let response = server.stub().await.server_stream(request("reply")).await;
    assert_eq!(response.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn layers_of_tower_may_be_around_a_server_with_bodies_of_their_own() {
    let mut server = serving(|scripted| {
        let layers = ServiceBuilder::new()
            .map_request(|mut request: hyper::Request<Body>| {
                let tenant = "blue".parse().unwrap();
                request.headers_mut().insert("x-tenant", tenant);
                request
            })
            .map_response(|response: HttpResponse<Body>| {
                response.map(http_body_util::combinators::UnsyncBoxBody::new)
            });
        Rpcs::new().with(SCRIPTED, layers.named_layer(ScriptedServer::new(scripted)))
    })
    .await;
    let mut stub = server.stub().await;
    let response = stub.server_stream(request("reply=3 fail=Aborted")).await;
    let mut replies = response.unwrap().into_inner();
    let reply = replies.message().await.unwrap().unwrap();
    assert_eq!(reply.payload, "xxx");
    let status = replies.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(server.call().await.get("x-tenant").unwrap(), "blue");
}

#[tokio::test]
async fn a_layer_that_fails_is_a_status_and_its_connection_lives_on() {
    let server = serving(|scripted| {
        let layers = ServiceBuilder::new().map_result(|result: Result<HttpResponse<Body>, _>| {
            let response = result.expect("a generated server never fails");
            match response.headers().get("grpc-status") {
                // The end of a call that failed.
                Some(_) => Err(BoxError::from(Status::data_loss("the layer has failed"))),
                None => Ok(response),
            }
        });
        let layered = layers.named_layer(ScriptedServer::new(scripted));
        Rpcs::new().with(SCRIPTED, layered)
    })
    .await;
    let mut stub = server.stub().await;
    let status = stub.unary(request("fail")).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::DataLoss, "the layer has failed")
    );
    stub.unary(request("reply")).await.unwrap();
}
