//! The language of scripts, word by word.
//!
//! | word         | what the RPC does                                               |
//! |--------------|-----------------------------------------------------------------|
//! | `wait`       | waits until the test lets it go on                              |
//! | `block`      | the same, and blocks its thread, as none should                 |
//! | `stopping`   | waits until the service stops                                   |
//! | `sleep=TIME` | waits for so long                                               |
//! | `reply`      | replies with nothing, or with `reply=N` with so many bytes      |
//! | `echo`       | replies with the payload of the script                          |
//! | `name`       | replies with the name of the server                             |
//! | `tell=NAME`  | replies with that metadata of the call, or with "none"          |
//! | `down=N`     | ends with UNAVAILABLE, unless it has been tried N times before  |
//! | `fail`       | ends with FAILED_PRECONDITION, or with `fail=CODE` with another |
//! | `panic`      | panics                                                          |
//!
//! A stream replies as often as it is told to. Any other call has one reply: the
//! last, or nothing where none is asked for. Each says how many scripts came so far.

use tokio::{
    sync::{mpsc::Sender, watch},
    time::sleep,
};
use tonic::{
    Code, Request, Status,
    codegen::tokio_stream::{Stream, StreamExt},
    metadata::MetadataMap,
};

use super::Stage;
use crate::contract::{Reply, Script};

/// Performs the scripts of one call; returns how many there were.
pub(super) async fn perform<S>(
    stage: &Stage,
    request: Request<S>,
    replies: Sender<Reply>,
) -> Result<u32, Status>
where
    S: Stream<Item = Result<Script, Status>> + Unpin,
{
    let (metadata, _, mut requests) = request.into_parts();
    if let Some(calls) = &stage.calls {
        // Fails where the test has ended.
        let _ = calls.send(metadata.clone());
    }
    let mut scripts = 0;
    while let Some(script) = requests.next().await {
        let Script { words, payload } = script?;
        scripts += 1;
        for word in words.split_whitespace() {
            let payload = match word.split_once('=').unwrap_or((word, "")) {
                ("wait", _) => {
                    stage.wait().await;
                    continue;
                }
                ("stopping", _) => {
                    stage.tasks.stopping().cancelled().await;
                    continue;
                }
                ("block", _) => {
                    // Fails where the test has ended, which is as good.
                    let _ = stage.unblocked.lock().unwrap().recv();
                    continue;
                }
                ("sleep", time) => {
                    sleep(humantime::parse_duration(time).unwrap()).await;
                    continue;
                }
                ("down", attempts) => {
                    let before = told(&metadata, "grpc-previous-rpc-attempts");
                    if before.parse().unwrap_or(0) < attempts.parse::<u32>().unwrap() {
                        return Err(Status::unavailable("down"));
                    }
                    continue;
                }
                ("fail", code) => return Err(failure(code)),
                ("panic", _) => panic!("the password is 1234"),
                ("reply", size) => "x".repeat(size.parse().unwrap_or_default()),
                ("echo", _) => payload.clone(),
                ("name", _) => stage.name.into(),
                ("tell", name) => told(&metadata, name).into(),
                _ => return Err(Status::invalid_argument(format!("{word:?}"))),
            };
            // Fails where the caller has gone.
            let _ = replies.send(Reply { payload, scripts }).await;
        }
    }
    Ok(scripts)
}

fn told<'a>(metadata: &'a MetadataMap, name: &str) -> &'a str {
    metadata.get(name).map_or("none", |it| it.to_str().unwrap())
}

fn failure(code: &str) -> Status {
    let named = |it: &Code| format!("{it:?}") == code;
    let code = (0..17).map(Code::from).find(named);
    let code = code.unwrap_or(Code::FailedPrecondition);
    Status::new(code, "as the script says")
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
