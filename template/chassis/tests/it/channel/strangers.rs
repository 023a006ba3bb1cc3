//! Generated clients of other contracts, and what is put around a channel.

use chassis::{lifecycle::Shutdown, server::Rpcs};
use tonic::{
    Code, Request, Status, codegen::tokio_stream, service::interceptor::InterceptedService,
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tower::ServiceBuilder;

use super::{Client, SHAPES, call};
use crate::{
    contract::{
        SCRIPTED,
        test::v1::{scripted_client::ScriptedClient, scripted_server::ScriptedServer},
    },
    support::{InProcess, SERVICE, in_front_of, reflection::listed, request, stub},
};

#[tokio::test]
async fn the_health_of_a_service_can_be_asked_for_and_watched() {
    let server = InProcess::start(&[]).await;
    let mut health = HealthClient::new(server.channel().await);
    let response = health.check(HealthCheckRequest::default()).await;
    let status = response.unwrap().into_inner().status();
    assert_eq!(status, ServingStatus::Serving);

    let response = health.watch(HealthCheckRequest::default()).await;
    let mut watch = response.unwrap().into_inner();
    let mut next = async || watch.message().await.unwrap().map(|it| it.status());
    assert_eq!(next().await, Some(ServingStatus::Serving));
    let stopped = tokio::spawn(server.stop(Shutdown::Terminal));
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None);
    stopped.await.unwrap();
}

/// A server that replies with any size.
async fn unlimited() -> InProcess {
    let rpcs = |scripted| Rpcs::new().with(SCRIPTED, ScriptedServer::new(scripted));
    InProcess::serving(InProcess::settings(&[]), "unlimited", rpcs).await
}

#[tokio::test]
async fn a_service_can_be_asked_for_its_contract_which_is_a_stream_both_ways() {
    let server = InProcess::start(&[]).await;
    for services in listed(server.channel().await, SERVICE).await {
        assert!(services.iter().any(|name| name == SERVICE), "{services:?}");
    }
}

fn with_token(mut request: Request<()>) -> Result<Request<()>, Status> {
    let token = "Bearer 1234".parse();
    let token = token.map_err(|_| Status::internal("no ASCII"))?;
    request.metadata_mut().insert("authorization", token);
    Ok(request)
}

#[tokio::test]
async fn an_interceptor_may_stand_in_front_of_it() {
    let mut server = InProcess::start(&[]).await;
    let channel = server.channel().await;
    let mut of_the_client = ScriptedClient::with_interceptor(channel.clone(), with_token);
    of_the_client.unary(request("reply")).await.unwrap();
    let mut of_the_channel = ScriptedClient::new(InterceptedService::new(channel, with_token));
    let response = of_the_channel.server_stream(request("reply")).await;
    response.unwrap().into_inner().message().await.unwrap();
    for call in [server.call().await, server.call().await] {
        assert_eq!(call.get("authorization").unwrap(), "Bearer 1234");
    }
}

#[tokio::test]
async fn layers_may_be_around_it() {
    let mut server = InProcess::start(&[]).await;
    let channel = ServiceBuilder::new()
        .map_request(|mut request: hyper::Request<tonic::body::Body>| {
            request
                .headers_mut()
                .insert("x-tenant", "blue".parse().unwrap());
            request
        })
        .map_err(|status: Status| Status::internal(status.message()))
        .service(server.channel().await);
    let mut client = ScriptedClient::new(channel);
    let scripts = tokio_stream::once(request("reply").into_inner());
    let response = client.bidi_stream(scripts).await;
    response.unwrap().into_inner().message().await.unwrap();
    assert_eq!(server.call().await.get("x-tenant").unwrap(), "blue");

    let status = client.unary(request("fail=NotFound")).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal, "{status}");
}

#[tokio::test]
async fn a_reply_of_five_mebibytes_is_refused() {
    let server = unlimited().await;
    let client = Client::new(server.channel().await);
    for shape in SHAPES {
        let status = call(&client, shape, "reply=5242880").await.unwrap_err();
        // The generated client's own code for it.
        assert_eq!(status.code(), Code::OutOfRange, "{shape:?}: {status}");
        assert!(status.message().contains("too large"), "{status}");
        call(&client, shape, "reply=4000000").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_says_of_such_a_reply_what_the_specification_says() {
    let upstream = unlimited().await;
    let service = in_front_of(upstream.address.port(), &[]);
    let mut stub = stub(&service.address()).await;
    let status = stub.unary(request("reply=5242880")).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
}
