//! The RPCs of a service that has an upstream: each is a call of the same one there.

use chassis::Channel;
use tonic::{
    Request, Response, Status, Streaming,
    codegen::tokio_stream::{Stream, StreamExt},
};

use crate::contract::{
    Reply, Script,
    common::v1::{echo_client::EchoClient, echo_server::Echo},
    test::v1::{scripted_client::ScriptedClient, scripted_server::Scripted},
};

/// Passes the calls of a service on to this client of another such one.
pub struct PassOn<C>(pub C);

type Replies = std::pin::Pin<Box<dyn Stream<Item = Result<Reply, Status>> + Send>>;

impl<C: Clone> PassOn<C> {
    fn upstream(&self) -> C {
        self.0.clone()
    }
}

/// What a caller is told of a failure there.
fn upstream(status: &Status) -> Status {
    Status::new(status.code(), format!("upstream: {}", status.message()))
}

fn reply(answer: Result<Response<Reply>, Status>) -> Result<Response<Reply>, Status> {
    let reply = answer.map_err(|status| upstream(&status))?.into_inner();
    Ok(Response::new(reply))
}

fn replies(
    answer: Result<Response<Streaming<Reply>>, Status>,
) -> Result<Response<Replies>, Status> {
    let replies = answer.map_err(|status| upstream(&status))?.into_inner();
    let replies = replies.map(|reply| reply.map_err(|status| upstream(&status)));
    Ok(Response::new(Box::pin(replies)))
}

/// The scripts of a caller, up to where it goes away.
fn scripts(request: Request<Streaming<Script>>) -> impl Stream<Item = Script> {
    request.into_inner().map_while(Result::ok)
}

#[tonic::async_trait]
impl Scripted for PassOn<ScriptedClient<Channel>> {
    async fn unary(&self, request: Request<Script>) -> Result<Response<Reply>, Status> {
        reply(self.upstream().unary(request.into_inner()).await)
    }

    type ServerStreamStream = Replies;

    async fn server_stream(&self, request: Request<Script>) -> Result<Response<Replies>, Status> {
        let script = request.into_inner();
        replies(self.upstream().server_stream(script).await)
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<Script>>,
    ) -> Result<Response<Reply>, Status> {
        reply(self.upstream().client_stream(scripts(request)).await)
    }

    type BidiStreamStream = Replies;

    async fn bidi_stream(
        &self,
        request: Request<Streaming<Script>>,
    ) -> Result<Response<Replies>, Status> {
        replies(self.upstream().bidi_stream(scripts(request)).await)
    }

    async fn repeatable_unary(&self, request: Request<Script>) -> Result<Response<Reply>, Status> {
        let script = request.into_inner();
        reply(self.upstream().repeatable_unary(script).await)
    }

    type RepeatableServerStreamStream = Replies;

    async fn repeatable_server_stream(
        &self,
        request: Request<Script>,
    ) -> Result<Response<Replies>, Status> {
        let script = request.into_inner();
        replies(self.upstream().repeatable_server_stream(script).await)
    }

    async fn repeatable_client_stream(
        &self,
        request: Request<Streaming<Script>>,
    ) -> Result<Response<Reply>, Status> {
        let scripts = scripts(request);
        reply(self.upstream().repeatable_client_stream(scripts).await)
    }
}

#[tonic::async_trait]
impl Echo for PassOn<EchoClient<Channel>> {
    async fn say(&self, request: Request<Script>) -> Result<Response<Reply>, Status> {
        reply(self.upstream().say(request.into_inner()).await)
    }
}
