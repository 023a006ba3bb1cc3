//! A service whose RPCs do what their caller's script says, as a part of the tests'
//! own process and of their program. `words` is the language of scripts.

mod words;

use std::{
    pin::Pin,
    sync::{Arc, Mutex, mpsc as blocking},
    task::{Context, Poll},
};

use chassis::{
    About, Tasks,
    server::{Rpcs, limits::MAX_MESSAGE_SIZE},
};
use tokio::sync::{Semaphore, mpsc, watch};
use tonic::{
    Request, Response, Status, Streaming,
    codegen::{
        BoxFuture,
        tokio_stream::{self, Stream},
    },
    metadata::MetadataMap,
};

use crate::contract::{
    Reply, SCRIPTED, Script,
    common::v1::echo_server,
    test::v1::scripted_server::{self, ScriptedServer},
};

/// Who the program is.
pub const ABOUT: About = About {
    name: "scripted",
    authors: "The authors of the chassis",
    description: "Does what its callers' scripts say",
    ..chassis::about! {
        year: "2026",
        env_prefix: "SCRIPTED",
        port: 42300,
    }
};

/// What scripts can't say themselves: who it is that performs them, and when the
/// test lets them go on.
pub struct Stage {
    pub name: &'static str,
    /// Lets those that wait go on.
    pub gate: Semaphore,
    /// How many wait.
    pub waiting: watch::Sender<usize>,
    /// Lets one that blocks its thread go on.
    pub unblocked: Mutex<blocking::Receiver<()>>,
    /// Is told of each call.
    pub calls: Option<mpsc::UnboundedSender<MetadataMap>>,
    /// Tells that the service stops.
    pub tasks: Tasks,
}

/// The service.
#[derive(Clone)]
pub struct Scripted(pub Arc<Stage>);

impl Default for Stage {
    /// Nobody lets anything go on.
    fn default() -> Self {
        Self {
            name: ABOUT.name,
            gate: Semaphore::new(0),
            waiting: watch::Sender::new(0),
            unblocked: Mutex::new(blocking::channel().1),
            calls: None,
            tasks: Tasks::default(),
        }
    }
}

impl Scripted {
    /// Performs a call that has one reply, the last one of its scripts.
    async fn reply<S>(&self, request: Request<S>) -> Result<Response<Reply>, Status>
    where
        S: Stream<Item = Result<Script, Status>> + Send + Unpin,
    {
        let (replies, mut sent) = mpsc::channel(1);
        let last = async {
            let mut last = Reply::default();
            while let Some(reply) = sent.recv().await {
                last = reply;
            }
            last
        };
        let (scripts, last) = tokio::join!(words::perform(&self.0, request, replies), last);
        let scripts = scripts?;
        Ok(Response::new(Reply { scripts, ..last }))
    }

    /// Performs a call that has as many replies as its scripts say.
    fn replies<S>(&self, request: Request<S>) -> Response<Replies>
    where
        S: Stream<Item = Result<Script, Status>> + Send + Unpin + 'static,
    {
        let stage = self.0.clone();
        let (replies, sent) = mpsc::channel(1);
        let script = async move { words::perform(&stage, request, replies).await };
        Response::new(Replies {
            script: Some(Box::pin(script)),
            sent,
            failure: None,
        })
    }
}

/// The RPCs of a generated server, with the limits that production wants.
pub fn rpcs(service: impl scripted_server::Scripted) -> Rpcs {
    let server = ScriptedServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_SIZE)
        .max_encoding_message_size(MAX_MESSAGE_SIZE);
    Rpcs::new().with(SCRIPTED, server)
}

fn once(script: Script) -> impl Stream<Item = Result<Script, Status>> + Send + Unpin {
    tokio_stream::once(Ok(script))
}

#[tonic::async_trait]
impl scripted_server::Scripted for Scripted {
    async fn unary(&self, request: Request<Script>) -> Result<Response<Reply>, Status> {
        self.reply(request.map(once)).await
    }

    type ServerStreamStream = Replies;

    async fn server_stream(&self, request: Request<Script>) -> Result<Response<Replies>, Status> {
        Ok(self.replies(request.map(once)))
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<Script>>,
    ) -> Result<Response<Reply>, Status> {
        self.reply(request).await
    }

    type BidiStreamStream = Replies;

    async fn bidi_stream(
        &self,
        request: Request<Streaming<Script>>,
    ) -> Result<Response<Replies>, Status> {
        Ok(self.replies(request))
    }

    async fn repeatable_unary(&self, request: Request<Script>) -> Result<Response<Reply>, Status> {
        self.reply(request.map(once)).await
    }

    type RepeatableServerStreamStream = Replies;

    async fn repeatable_server_stream(
        &self,
        request: Request<Script>,
    ) -> Result<Response<Replies>, Status> {
        Ok(self.replies(request.map(once)))
    }

    async fn repeatable_client_stream(
        &self,
        request: Request<Streaming<Script>>,
    ) -> Result<Response<Reply>, Status> {
        self.reply(request).await
    }
}

#[tonic::async_trait]
impl echo_server::Echo for Scripted {
    async fn say(&self, request: Request<Script>) -> Result<Response<Reply>, Status> {
        self.reply(request.map(once)).await
    }
}

/// The replies of one call. Its scripts run inside the stream's own polls, as a
/// stream of a real service would, so that a panic in them is one of the body.
pub struct Replies {
    script: Option<BoxFuture<u32, Status>>,
    sent: mpsc::Receiver<Reply>,
    failure: Option<Status>,
}

impl Stream for Replies {
    type Item = Result<Reply, Status>;

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
