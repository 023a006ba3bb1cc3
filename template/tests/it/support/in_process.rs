//! A server in the test's own process. Its RPCs do what their caller says, word
//! by word: wait, sleep, panic, fail, and in a stream reply as often as asked.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use clap::Parser;
use prost::Message;
use prost_types::{
    FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto, ServiceDescriptorProto,
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    task::JoinHandle,
    time::sleep,
};
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codegen::{self, Service, http, tokio_stream::Stream},
    server::NamedService,
    transport::Channel,
};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::{
    channel,
    lifecycle::{Lifecycle, Shutdown},
    proto::{HelloRequest, HelloResponse},
    server::{
        Rpcs, Server, Settings,
        limits::{Limits, MAX_MESSAGE_SIZE},
    },
    tls,
};

/// Answers once.
pub const UNARY: &str = "/test.v1.Scripted/Unary";
/// Answers with a stream.
pub const STREAM: &str = "/test.v1.Scripted/Stream";

/// A server of scripted RPCs; gone when dropped.
///
/// | word         | what the RPC does                                          |
/// |--------------|------------------------------------------------------------|
/// | `reply`      | sends a response (a stream; a unary call does at its end)  |
/// | `wait`       | waits for [`InProcess::release`]                           |
/// | `sleep=20ms` | sleeps                                                     |
/// | `panic`      | panics with the message "the password is 1234"             |
/// | `fail`       | ends with FAILED_PRECONDITION                              |
/// | `reply=9`    | sends a response with so many bytes of text                |
pub struct InProcess {
    pub address: String,
    pub admin: String,
    pub lifecycle: Lifecycle,
    stage: Arc<Stage>,
    shutdown: oneshot::Sender<Shutdown>,
    running: JoinHandle<()>,
}

struct Stage {
    gate: Semaphore,
    waiting: watch::Sender<usize>,
}

impl InProcess {
    /// Starts a server with `flags`, those of the limits.
    pub async fn start(flags: &[&str]) -> Self {
        Self::with(Self::settings(flags)).await
    }

    /// Settings of a server on free ports, without TLS.
    pub fn settings(flags: &[&str]) -> Settings {
        #[derive(Parser)]
        struct Flags {
            #[command(flatten)]
            limits: Limits,
        }
        let arguments = ["test"].iter().chain(flags);
        Settings {
            address: ([127, 0, 0, 1], 0).into(),
            admin: Some(([127, 0, 0, 1], 0).into()),
            tls: tls::Settings::default(),
            limits: Flags::parse_from(arguments).limits,
        }
    }

    /// Starts a server with `settings`.
    pub async fn with(settings: Settings) -> Self {
        let lifecycle = Lifecycle::new();
        let server = Server::bind(settings, lifecycle.clone()).await.unwrap();
        let address = server.address().to_string();
        let admin = server.admin().map(|address| address.to_string());
        let stage = Arc::new(Stage {
            gate: Semaphore::new(0),
            waiting: watch::Sender::new(0),
        });
        let rpcs = Rpcs::new(descriptors()).with(Scripted(stage.clone()));
        let (shutdown, asked) = oneshot::channel();
        let running = tokio::spawn(server.run(rpcs, async { asked.await.unwrap() }));
        Self {
            address,
            admin: admin.unwrap_or_default(),
            lifecycle,
            stage,
            shutdown,
            running,
        }
    }

    /// Lets `n` RPCs that wait, or will, go on.
    pub fn release(&self, n: usize) {
        self.stage.gate.add_permits(n);
    }

    /// Resolves when just `n` RPCs wait.
    pub async fn waiting(&self, n: usize) {
        let mut waiting = self.stage.waiting.subscribe();
        waiting.wait_for(|waiting| *waiting == n).await.unwrap();
    }

    /// Stops the server, and returns when it has drained.
    pub async fn stop(self, reason: Shutdown) {
        let Self {
            shutdown, running, ..
        } = self;
        shutdown.send(reason).unwrap();
        running.await.unwrap();
    }

    /// A client with a connection of its own.
    pub async fn client(&self) -> Client {
        Client(channel(&self.address).await)
    }
}

/// Calls scripted RPCs. Clones share a connection.
#[derive(Clone)]
pub struct Client(pub Channel);

impl Client {
    pub async fn unary(&self, script: &str) -> Result<Response<HelloResponse>, Status> {
        self.send(request(script)).await
    }

    pub async fn send(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloResponse>, Status> {
        let mut grpc = self.grpc().await?;
        let codec: ProstCodec<HelloRequest, HelloResponse> = ProstCodec::default();
        let path = http::uri::PathAndQuery::from_static(UNARY);
        grpc.unary(request, path, codec).await
    }

    pub async fn stream(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<Streaming<HelloResponse>>, Status> {
        let mut grpc = self.grpc().await?;
        let codec: ProstCodec<HelloRequest, HelloResponse> = ProstCodec::default();
        let path = http::uri::PathAndQuery::from_static(STREAM);
        grpc.server_streaming(request, path, codec).await
    }

    async fn grpc(&self) -> Result<tonic::client::Grpc<Channel>, Status> {
        let mut grpc = tonic::client::Grpc::new(self.0.clone());
        let ready = grpc.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }
}

/// The request with `script`.
pub fn request(script: &str) -> Request<HelloRequest> {
    let message = script.into();
    Request::new(HelloRequest { message })
}

/// The server of the scripted RPCs.
#[derive(Clone)]
struct Scripted(Arc<Stage>);

impl NamedService for Scripted {
    const NAME: &'static str = "test.v1.Scripted";
}

impl Service<http::Request<Body>> for Scripted {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = codegen::BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let stage = self.0.clone();
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::default())
                .max_encoding_message_size(MAX_MESSAGE_SIZE);
            Ok(match request.uri().path() {
                UNARY => {
                    let unary = service_fn(move |request| {
                        let (replies, mut sent) = mpsc::channel(1);
                        let performed = perform(stage.clone(), request, replies);
                        async move {
                            performed.await?;
                            Ok(Response::new(sent.try_recv().unwrap_or_default()))
                        }
                    });
                    grpc.unary(unary, request).await
                }
                STREAM => {
                    let stream = service_fn(move |request| {
                        let replies = Replies::new(stage.clone(), request);
                        async { Ok(Response::new(replies)) }
                    });
                    grpc.server_streaming(stream, request).await
                }
                path => Status::unimplemented(path).into_http(),
            })
        })
    }
}

/// The responses of one script. It runs inside the stream's own polls, as a
/// stream of a real service would, so that a panic in it is one of the body.
struct Replies {
    script: Option<codegen::BoxFuture<(), Status>>,
    sent: mpsc::Receiver<HelloResponse>,
    failure: Option<Status>,
}

impl Replies {
    fn new(stage: Arc<Stage>, request: Request<HelloRequest>) -> Self {
        let (replies, sent) = mpsc::channel(1);
        Self {
            script: Some(Box::pin(perform(stage, request, replies))),
            sent,
            failure: None,
        }
    }
}

impl Stream for Replies {
    type Item = Result<HelloResponse, Status>;

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

async fn perform(
    stage: Arc<Stage>,
    request: Request<HelloRequest>,
    replies: mpsc::Sender<HelloResponse>,
) -> Result<(), Status> {
    for word in request.into_inner().message.split_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("reply", size) => {
                let message = "x".repeat(size.parse().unwrap_or_default());
                let sent = replies.send(HelloResponse { message }).await;
                sent.expect("the receiver lives as long as this future");
            }
            ("wait", _) => stage.wait().await,
            ("sleep", time) => sleep(humantime::parse_duration(time).unwrap()).await,
            ("panic", _) => panic!("the password is 1234"),
            ("fail", _) => return Err(Status::failed_precondition("as the script says")),
            _ => return Err(Status::invalid_argument(format!("{word:?}"))),
        }
    }
    Ok(())
}

impl Stage {
    async fn wait(&self) {
        struct Waiting<'a>(&'a watch::Sender<usize>);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.send_modify(|waiting| *waiting -= 1);
            }
        }
        self.waiting.send_modify(|waiting| *waiting += 1);
        let _waiting = Waiting(&self.waiting);
        self.gate.acquire().await.unwrap().forget();
    }
}

/// The contract of the scripted RPCs.
fn descriptors() -> &'static [u8] {
    let method = |path: &str, streams| MethodDescriptorProto {
        name: path.rsplit('/').next().map(Into::into),
        input_type: Some(".google.protobuf.Empty".into()),
        output_type: Some(".google.protobuf.Empty".into()),
        server_streaming: Some(streams),
        ..MethodDescriptorProto::default()
    };
    let service = ServiceDescriptorProto {
        name: Some("Scripted".into()),
        method: vec![method(UNARY, false), method(STREAM, true)],
        ..ServiceDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("test/v1/scripted.proto".into()),
        package: Some("test.v1".into()),
        service: vec![service],
        ..FileDescriptorProto::default()
    };
    let set = FileDescriptorSet { file: vec![file] };
    Box::leak(set.encode_to_vec().into_boxed_slice())
}
