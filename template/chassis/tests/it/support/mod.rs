//! What the tests share.

pub mod by_h2;
pub mod certificates;
pub mod http;
mod in_process;
mod program;
pub mod reflection;

use chassis::testing::http2::prefixed;
use prost::Message;
use tonic::{Request, Status, transport::Channel};

#[cfg(target_os = "linux")]
pub use self::program::memory;
pub use self::{
    in_process::InProcess,
    program::{in_front_of, program, running, start},
};
use crate::contract::{Reply, Script, test::v1::scripted_client::ScriptedClient};

/// A generated client, with no layer of ours in between.
pub type Stub = ScriptedClient<Channel>;

/// The name of the service of the tests' contract.
pub const SERVICE: &str = "test.v1.Scripted";

/// Its methods, as paths.
pub const UNARY: &str = "/test.v1.Scripted/Unary";
pub const SERVER_STREAM: &str = "/test.v1.Scripted/ServerStream";

/// A plain-text connection to `host:port`, by tonic alone.
pub async fn connect(address: &str) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// A generated client with a connection of its own to `host:port`.
pub async fn stub(address: &str) -> Stub {
    Stub::new(connect(address).await)
}

/// What `host:port` answers, asked to echo `text`.
pub async fn echo(address: &str, text: &str) -> Result<String, Status> {
    let reply = stub(address).await.unary(echoing(text)).await?;
    Ok(reply.into_inner().payload)
}

/// A script of these `words`.
pub fn script(words: &str) -> Script {
    Script {
        words: words.into(),
        payload: String::new(),
    }
}

/// The request with a script of these `words`.
pub fn request(words: &str) -> Request<Script> {
    Request::new(script(words))
}

/// The script that has `text` echoed.
pub fn echoing(text: &str) -> Script {
    Script {
        payload: text.into(),
        ..script("echo")
    }
}

/// The same, encoded.
pub fn echo_request(text: &str) -> Vec<u8> {
    echoing(text).encode_to_vec()
}

/// The answer to it, as in a DATA frame.
pub fn echo_reply(text: &str) -> Vec<u8> {
    let reply = Reply {
        payload: text.into(),
        scripts: 1,
    };
    prefixed(&reply.encode_to_vec())
}
