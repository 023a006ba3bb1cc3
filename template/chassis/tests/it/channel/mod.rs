//! What a service calls others with: `chassis::Channel`.

mod addresses;
mod by_hand;
mod connections;
mod context;
mod credentials;
mod deadlines;
mod failures;
mod metrics;
mod name;
mod replay;
mod retries;
mod strangers;
mod tls;
mod trickle;

use chassis::Channel;
use tonic::{Response, Status, Streaming, codegen::tokio_stream};

use crate::{
    contract::{Reply, test::v1::scripted_client::ScriptedClient},
    support::script,
};

/// A generated client over it.
type Client = ScriptedClient<Channel>;

/// The shapes of calls.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Unary,
    ServerStream,
    ClientStream,
    BidiStream,
}

const SHAPES: [Shape; 4] = [
    Shape::Unary,
    Shape::ServerStream,
    Shape::ClientStream,
    Shape::BidiStream,
];

/// Makes a call of this shape with a script of these `words`; returns its last reply.
async fn call(client: &Client, shape: Shape, words: &str) -> Result<Reply, Status> {
    let mut client = client.clone();
    let script = script(words);
    match shape {
        Shape::Unary => reply(client.unary(script).await),
        Shape::ServerStream => last(client.server_stream(script).await).await,
        Shape::ClientStream => reply(client.client_stream(tokio_stream::once(script)).await),
        Shape::BidiStream => last(client.bidi_stream(tokio_stream::once(script)).await).await,
    }
}

/// The same, of a method that may be called again.
async fn call_repeatable(client: &Client, shape: Shape, words: &str) -> Result<Reply, Status> {
    let mut client = client.clone();
    let script = script(words);
    match shape {
        Shape::Unary => reply(client.repeatable_unary(script).await),
        Shape::ServerStream => last(client.repeatable_server_stream(script).await).await,
        Shape::ClientStream => {
            let scripts = tokio_stream::once(script);
            reply(client.repeatable_client_stream(scripts).await)
        }
        Shape::BidiStream => unreachable!("there is none"),
    }
}

fn reply(answer: Result<Response<Reply>, Status>) -> Result<Reply, Status> {
    answer.map(Response::into_inner)
}

/// The last reply of a stream that ends well.
async fn last(answer: Result<Response<Streaming<Reply>>, Status>) -> Result<Reply, Status> {
    let mut replies = answer?.into_inner();
    let mut last = Reply::default();
    while let Some(reply) = replies.message().await? {
        last = reply;
    }
    Ok(last)
}
