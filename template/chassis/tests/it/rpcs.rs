//! What is served: generated servers, and what may be around them.

use chassis::{context::Context, server::Rpcs};
use hyper::Response as HttpResponse;
use tonic::{
    Code, Request, Status,
    body::Body,
    service::{InterceptorLayer, LayerExt, interceptor::InterceptedService},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{BoxError, ServiceBuilder, util::MapRequestLayer};

use crate::{
    contract::{SCRIPTED, test::v1::scripted_server::ScriptedServer},
    scripted::Scripted,
    support::{InProcess, SERVICE, connect, http::metric, request},
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

/// Notes in a request that it came by here.
fn note(
    name: &'static str,
) -> impl Fn(hyper::Request<Body>) -> hyper::Request<Body> + Clone + Send + Sync {
    move |mut request| {
        let name = name.parse().unwrap();
        request.headers_mut().append("x-seen", name);
        request
    }
}

#[tokio::test]
async fn requests_pass_layers_from_the_first_one_added_to_the_server() {
    let mut server = serving(|scripted| {
        let own = ServiceBuilder::new().map_request(note("the server's"));
        Rpcs::new()
            .layer(MapRequestLayer::new(note("first")))
            .with(SCRIPTED, own.named_layer(ScriptedServer::new(scripted)))
            .layer(MapRequestLayer::new(note("second")))
            .before(|head| {
                head.headers.append("x-seen", "before".parse().unwrap());
                Ok(())
            })
    })
    .await;
    server.stub().await.unary(request("reply")).await.unwrap();
    let call = server.call().await;
    let seen: Vec<_> = call.get_all("x-seen").iter().collect();
    assert_eq!(seen, ["before", "first", "second", "the server's"]);
}

#[tokio::test]
async fn an_interceptor_of_all_leaves_health_and_reflection_alone() {
    let server = serving(|scripted| {
        let rpcs = Rpcs::new().with(SCRIPTED, ScriptedServer::new(scripted));
        rpcs.layer(InterceptorLayer::new(guard))
    })
    .await;
    let status = server.stub().await.unary(request("reply")).await;
    assert_eq!(status.unwrap_err().code(), Code::Unauthenticated);
    let connection = connect(&server.address.to_string()).await;
    let mut health = HealthClient::new(connection);
    health.check(HealthCheckRequest::default()).await.unwrap();
}

#[tokio::test]
async fn within_a_layer_an_rpc_has_its_context_and_its_panics_are_caught() {
    let server = serving(|scripted| {
        let look = |request: hyper::Request<Body>| {
            assert!(Context::current().trace.is_some());
            assert!(!request.headers().contains_key("x-bad"), "how bad");
            request
        };
        let rpcs = Rpcs::new().with(SCRIPTED, ScriptedServer::new(scripted));
        rpcs.layer(MapRequestLayer::new(look))
    })
    .await;
    let mut stub = server.stub().await;
    stub.unary(request("reply")).await.unwrap();
    let mut bad = request("reply");
    bad.metadata_mut().insert("x-bad", "1".parse().unwrap());
    assert_eq!(stub.unary(bad).await.unwrap_err().code(), Code::Internal);
}

#[tokio::test]
async fn what_is_refused_before_the_chassis_looks_is_counted_as_any_other() {
    let server = serving(|scripted| {
        let rpcs = Rpcs::new().with(SCRIPTED, ScriptedServer::new(scripted));
        rpcs.before(|head| match head.headers.remove("x-path") {
            Some(path) => {
                head.uri = path.to_str().unwrap().parse().unwrap();
                Ok(())
            }
            None => Err(Status::permission_denied("not today")),
        })
    })
    .await;
    let mut stub = server.stub().await;
    let status = stub.unary(request("reply")).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::PermissionDenied, "not today")
    );
    // What it makes of a request is what the chassis sees.
    let mut moved = request("reply");
    let path = "http://localhost/test.v1.Scripted/ClientStream";
    moved.metadata_mut().insert("x-path", path.parse().unwrap());
    stub.unary(moved).await.unwrap();
    let cases = [
        ("Unary", "unary", "PermissionDenied"),
        ("ClientStream", "client_stream", "OK"),
    ];
    for (method, shape, code) in cases {
        let name = format!(
            "grpc_server_handled_total{{grpc_service=\"{SERVICE}\",grpc_method=\"{method}\",\
             grpc_type=\"{shape}\",grpc_code=\"{code}\"}}"
        );
        assert_eq!(metric(&server.admin, &name).await, Some(1.0), "{method}");
    }
}
