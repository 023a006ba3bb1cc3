//! The service of gRPC's official interop tests.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use chassis::server::{Rpcs, limits::MAX_MESSAGE_SIZE};
use http_body_util::BodyExt;
use hyper::{HeaderMap, Request as HttpRequest, Response as HttpResponse};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tonic::{
    Code, Request, Response, Status, Streaming,
    body::Body,
    codegen::{
        BoxFuture,
        tokio_stream::{self, Stream, StreamExt},
    },
    service::LayerExt,
};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::contract::{
    EchoStatus, Empty, INTEROP, Payload, SimpleRequest, SimpleResponse, StreamingInputCallRequest,
    StreamingInputCallResponse, StreamingOutputCallRequest, StreamingOutputCallResponse,
    test_service_server::{TestService, TestServiceServer},
};

/// Metadata that are sent back: in front of the answer, and behind it.
pub const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
pub const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// The service. How many of its streams of requests are open is for the tests to see.
#[derive(Clone, Default)]
pub struct Interop {
    pub open: watch::Sender<usize>,
}

/// A stream of requests that is open.
struct Open(watch::Sender<usize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}

/// The RPCs of `service`, as production has them.
pub fn rpcs(service: Interop) -> Rpcs {
    let server = TestServiceServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_SIZE)
        .max_encoding_message_size(MAX_MESSAGE_SIZE);
    let layers = ServiceBuilder::new().layer_fn(|server: TestServiceServer<Interop>| {
        service_fn(move |request| echo_metadata(server.clone(), request))
    });
    Rpcs::new().with(INTEROP, layers.named_layer(server))
}

/// Sends back what the caller wants to have back of its metadata.
async fn echo_metadata(
    server: TestServiceServer<Interop>,
    request: HttpRequest<Body>,
) -> Result<HttpResponse<Body>, Infallible> {
    let [initial, trailing] =
        [ECHO_INITIAL, ECHO_TRAILING].map(|name| request.headers().get(name).cloned());
    let mut response = server.oneshot(request).await?;
    if let Some(initial) = initial {
        response.headers_mut().insert(ECHO_INITIAL, initial);
    }
    let Some(trailing) = trailing else {
        return Ok(response);
    };
    Ok(response.map(|body| {
        let trailers = HeaderMap::from_iter([(ECHO_TRAILING.parse().unwrap(), trailing)]);
        Body::new(body.with_trailers(async { Some(Ok(trailers)) }))
    }))
}

fn payload(size: i32) -> Payload {
    let size = usize::try_from(size).unwrap_or_default();
    Payload {
        body: vec![0; size],
        ..Payload::default()
    }
}

/// Fails where the caller wants it.
fn asked_for(status: Option<&EchoStatus>) -> Result<(), Status> {
    match status {
        Some(status) if status.code != 0 => {
            Err(Status::new(Code::from(status.code), &*status.message))
        }
        _ => Ok(()),
    }
}

/// The messages of one call. They are made inside the stream's own polls, so that
/// nothing of it is left when the stream is dropped.
pub struct Outputs {
    script: Option<BoxFuture<(), Status>>,
    sent: mpsc::Receiver<StreamingOutputCallResponse>,
    failure: Option<Status>,
}

impl Stream for Outputs {
    type Item = Result<StreamingOutputCallResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(script) = &mut this.script
            && let Poll::Ready(end) = script.as_mut().poll(cx)
        {
            this.script = None;
            this.failure = end.err();
        }
        this.sent.poll_recv(cx).map(|reply| match reply {
            Some(reply) => Some(Ok(reply)),
            None => this.failure.take().map(Err),
        })
    }
}

/// Answers each of `requests` with as many messages as it wants.
fn outputs<S>(mut requests: S, open: Open) -> Response<Outputs>
where
    S: Stream<Item = Result<StreamingOutputCallRequest, Status>> + Send + Unpin + 'static,
{
    let (replies, sent) = mpsc::channel(1);
    let script = async move {
        let _open = open;
        while let Some(request) = requests.next().await {
            let request = request?;
            for wanted in &request.response_parameters {
                if let Ok(pause @ 1..) = u64::try_from(wanted.interval_us) {
                    sleep(Duration::from_micros(pause)).await;
                }
                let payload = Some(payload(wanted.size));
                let _ = replies.send(StreamingOutputCallResponse { payload }).await;
            }
            asked_for(request.response_status.as_ref())?;
        }
        Ok(())
    };
    Response::new(Outputs {
        script: Some(Box::pin(script)),
        sent,
        failure: None,
    })
}

impl Interop {
    fn open(&self) -> Open {
        self.open.send_modify(|open| *open += 1);
        Open(self.open.clone())
    }
}

#[tonic::async_trait]
impl TestService for Interop {
    async fn empty_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Ok(Response::new(Empty {}))
    }

    async fn unary_call(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let request = request.into_inner();
        asked_for(request.response_status.as_ref())?;
        Ok(Response::new(SimpleResponse {
            payload: Some(payload(request.response_size)),
            ..SimpleResponse::default()
        }))
    }

    async fn cacheable_unary_call(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<SimpleResponse>, Status> {
        self.unary_call(request).await
    }

    type StreamingOutputCallStream = Outputs;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Outputs>, Status> {
        let once = tokio_stream::once(Ok(request.into_inner()));
        Ok(outputs(once, self.open()))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let _open = self.open();
        let mut requests = request.into_inner();
        let mut total = 0;
        while let Some(request) = requests.message().await? {
            total += request.payload.map_or(0, |payload| payload.body.len());
        }
        Ok(Response::new(StreamingInputCallResponse {
            aggregated_payload_size: total.try_into().unwrap(),
        }))
    }

    type FullDuplexCallStream = Outputs;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Outputs>, Status> {
        Ok(outputs(request.into_inner(), self.open()))
    }

    type HalfDuplexCallStream = Outputs;

    async fn half_duplex_call(
        &self,
        _: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Outputs>, Status> {
        Err(Status::unimplemented("no case calls it"))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("as the case wants it"))
    }
}
