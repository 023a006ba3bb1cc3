//! Services that answer nothing, next to nothing, or far too much.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    time::Duration,
};

use chassis::{Channel, channel::Settings};
use h2::{
    SendStream,
    server::{SendResponse, handshake},
};
use hyper::{Response, body::Bytes};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tonic::{Code, Status};

use super::{Client, SHAPES, Shape, call, last};
#[cfg(target_os = "linux")]
use crate::support::{in_front_of, memory, stub};
use crate::{contract::SCRIPTED, support::request};

/// How long a call may take here, and the longest that its end may be away on a busy machine.
const CALL_TIMEOUT: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_secs(10);

/// Longer than anything takes that ends by itself, however busy the machine is.
const MINUTE: Duration = Duration::from_mins(1);

/// KiB that a service may take that is answered too much: many times less than that.
#[cfg(target_os = "linux")]
const MOST: u64 = 64 * 1024;

type Answering = Pin<Box<dyn Future<Output = Result<(), h2::Error>> + Send>>;

/// What a service does with a call.
type Answer = fn(SendResponse<Bytes>) -> Answering;

/// A service that does this with each call.
async fn upstream(answer: Answer) -> Settings {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = handshake(tcp).await?;
                while let Some(call) = connection.accept().await {
                    let (request, mut respond) = call?;
                    if request.uri().path().starts_with("/grpc.health.v1.") {
                        let unimplemented = head().header("grpc-status", "12");
                        respond.send_response(unimplemented.body(()).unwrap(), true)?;
                    } else {
                        tokio::spawn(answer(respond));
                    }
                }
                Ok::<_, h2::Error>(())
            });
        }
    });
    Settings {
        call_timeout: CALL_TIMEOUT,
        ..Settings::new("127.0.0.1", port)
    }
}

fn head() -> hyper::http::response::Builder {
    Response::builder().header("content-type", "application/grpc")
}

/// Begins an answer, whose first message is said to have so many bytes.
fn begin(mut respond: SendResponse<Bytes>, length: u32) -> Result<SendStream<Bytes>, h2::Error> {
    let mut body = respond.send_response(head().body(()).unwrap(), false)?;
    let prefix = [&[0][..], &length.to_be_bytes()].concat();
    body.send_data(prefix.into(), false)?;
    Ok(body)
}

/// Sends `piece` again and again, as fast as the client takes it.
async fn repeat(mut body: SendStream<Bytes>, piece: Bytes) -> Result<(), h2::Error> {
    loop {
        body.reserve_capacity(piece.len());
        while body.capacity() < piece.len() {
            if poll_fn(|cx| body.poll_capacity(cx)).await.is_none() {
                return Ok(());
            }
        }
        body.send_data(piece.clone(), false)?;
    }
}

fn nothing(mut respond: SendResponse<Bytes>) -> Answering {
    Box::pin(async move {
        poll_fn(|cx| respond.poll_reset(cx)).await?;
        Ok(())
    })
}

fn a_byte_now_and_then(respond: SendResponse<Bytes>) -> Answering {
    Box::pin(async move {
        let mut body = begin(respond, 1000)?;
        loop {
            sleep(CALL_TIMEOUT / 5).await;
            body.send_data(Bytes::from_static(b"x"), false)?;
        }
    })
}

fn four_gibibytes(respond: SendResponse<Bytes>) -> Answering {
    Box::pin(async move { repeat(begin(respond, u32::MAX)?, vec![0; 16 * 1024].into()).await })
}

fn crumbs(respond: SendResponse<Bytes>) -> Answering {
    Box::pin(async move { repeat(begin(respond, 4_000_000)?, Bytes::from_static(b"x")).await })
}

fn a_large_head(mut respond: SendResponse<Bytes>) -> Answering {
    Box::pin(async move {
        let large = head().header("x-large", "x".repeat(1024 * 1024));
        respond.send_response(large.body(()).unwrap(), true)?;
        Ok(())
    })
}

/// How a call ends that is answered so, and may take that long.
async fn ends(answer: Answer, shape: Shape, call_timeout: Duration) -> Status {
    let settings = Settings {
        call_timeout,
        ..upstream(answer).await
    };
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    let client = Client::new(channel);
    let ended = timeout(call_timeout + SOON, call(&client, shape, "reply")).await;
    ended.expect("an end in time").unwrap_err()
}

#[tokio::test]
async fn a_service_that_answers_nothing_is_not_waited_for() {
    for shape in SHAPES {
        let status = ends(nothing, shape, CALL_TIMEOUT).await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{shape:?}: {status}");
    }
}

#[tokio::test]
async fn a_service_that_answers_a_byte_now_and_then_is_not_waited_for() {
    for shape in [Shape::Unary, Shape::ClientStream] {
        let status = ends(a_byte_now_and_then, shape, CALL_TIMEOUT).await;
        assert_eq!(status.code(), Code::DeadlineExceeded, "{shape:?}: {status}");
    }
    // A stream that has begun may take as long as its caller waits.
    let settings = upstream(a_byte_now_and_then).await;
    let channel = Channel::connect(&settings, SCRIPTED).await.unwrap();
    let mut request = request("reply");
    request.set_timeout(2 * CALL_TIMEOUT);
    let stream = Client::new(channel).server_stream(request).await;
    let status = timeout(SOON, last(stream)).await.expect("an end in time");
    assert_eq!(status.unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn a_message_of_four_gibibytes_is_refused() {
    for shape in SHAPES {
        let status = ends(four_gibibytes, shape, MINUTE).await;
        // The generated client's own code for it.
        assert_eq!(status.code(), Code::OutOfRange, "{shape:?}: {status}");
    }
}

#[tokio::test]
async fn a_head_of_a_mebibyte_is_refused() {
    for shape in SHAPES {
        let status = ends(a_large_head, shape, MINUTE).await;
        assert_eq!(status.code(), Code::Unavailable, "{shape:?}: {status}");
    }
}

/// How a service ends a call that is answered so, in bounded memory. Its deadlines are out of the
/// way: it is what comes that ends the call, however busy the machine is.
#[cfg(target_os = "linux")]
async fn passes_on(answer: Answer) -> Status {
    let settings = upstream(answer).await;
    let patient = ["--client-timeout", "1m", "--request-timeout", "1m"];
    let service = in_front_of(settings.port, &patient);
    let mut stub = stub(&service.address()).await;
    let ended = timeout(2 * MINUTE, stub.unary(request("reply"))).await;
    let status = ended.expect("an end in time").unwrap_err();
    let most = memory(&service, "VmHWM");
    println!("{most} KiB at most, {status}");
    assert!(most < MOST, "{most} KiB");
    status
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_four_gibibytes_takes_little_memory() {
    let status = passes_on(four_gibibytes).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_crumbs_takes_little_memory() {
    let status = passes_on(crumbs).await;
    // The connection is not kept: h2 knows it for an attack.
    assert_eq!(status.code(), Code::Unavailable, "{status}");
}
