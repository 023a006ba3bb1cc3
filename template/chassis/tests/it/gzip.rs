//! Messages that are compressed, in requests and in responses.

use std::io::{Read, Write};

use chassis::testing::http2::prefixed;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use tonic::Code;

use crate::support::{InProcess, UNARY, by_h2::Client, echo_reply, echo_request};

const SENDS: (&str, &str) = ("grpc-encoding", "gzip");
const ACCEPTS: (&str, &str) = ("grpc-accept-encoding", "identity, deflate, gzip");
const MAX_MESSAGE: usize = 4 * 1024 * 1024;

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A compressed message, as it goes into DATA frames.
fn compressed(message: &[u8]) -> Vec<u8> {
    let mut sent = prefixed(&gzip(message));
    sent[0] = 1;
    sent
}

/// What `body`, one compressed message, was.
fn inflated(body: &[u8]) -> Vec<u8> {
    assert_eq!(body[0], 1, "it is compressed");
    let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
    assert_eq!(body.len(), 5 + length as usize);
    let mut message = Vec::new();
    GzDecoder::new(&body[5..])
        .read_to_end(&mut message)
        .unwrap();
    message
}

#[tokio::test]
async fn a_compressed_request_is_read_in_pieces_too() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let text = "again ".repeat(1000);
    let request = compressed(&echo_request(&text));
    assert!(request.len() < 200);
    let (start, end) = request.split_at(17);
    let cases: [&[&[u8]]; 3] = [&[&request], &[start, end], &[&request, b""]];
    for frames in cases {
        let answer = client.call(UNARY, &[SENDS], frames).await;
        assert_eq!(answer.codes(), (200, Code::Ok), "{answer:?}");
        assert_eq!(answer.body, echo_reply(&text));
        assert!(answer.headers.get("grpc-encoding").is_none());
    }
    // It may also leave a message as it is.
    let plain = prefixed(&echo_request(&text));
    let answer = client.call(UNARY, &[SENDS], &[&plain]).await;
    assert_eq!(answer.body, echo_reply(&text));
}

#[tokio::test]
async fn a_large_answer_is_compressed_for_who_accepts_it() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let text = "again ".repeat(1000);
    let request = prefixed(&echo_request(&text));
    let answer = client.call(UNARY, &[ACCEPTS], &[&request]).await;
    assert_eq!(answer.codes(), (200, Code::Ok), "{answer:?}");
    assert_eq!(answer.headers["grpc-encoding"], "gzip");
    assert_eq!(answer.headers["grpc-accept-encoding"], "identity,gzip");
    assert!(answer.body.len() < 200);
    assert_eq!(inflated(&answer.body), echo_reply(&text)[5..]);

    let stranger = client.call(UNARY, &[], &[&request]).await;
    assert!(stranger.headers.get("grpc-encoding").is_none());
    assert_eq!(stranger.body, echo_reply(&text));
    let small = prefixed(&echo_request("again"));
    let answer = client.call(UNARY, &[ACCEPTS], &[&small]).await;
    assert_eq!(answer.body, echo_reply("again"), "it would not pay");
}

#[tokio::test]
async fn each_large_message_of_a_stream_is_compressed_and_no_small_one() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let texts = ["a".repeat(5000), "b".into(), "c".repeat(5000)];
    let requests: Vec<_> = texts
        .iter()
        .map(|text| compressed(&echo_request(text)))
        .collect();
    let frames: Vec<_> = requests.iter().map(|request| &**request).collect();
    let path = "/test.v1.Scripted/BidiStream";
    let answer = client.call(path, &[SENDS, ACCEPTS], &frames).await;
    assert_eq!(answer.codes(), (200, Code::Ok), "{answer:?}");
    let (mut flags, mut rest) = (Vec::new(), &*answer.body);
    while let [flag, a, b, c, d, more @ ..] = rest {
        flags.push(*flag);
        rest = &more[u32::from_be_bytes([*a, *b, *c, *d]) as usize..];
    }
    assert_eq!(flags, [1, 0, 1]);
}

#[tokio::test]
async fn a_bomb_ends_at_the_message_limit() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let bomb = compressed(&vec![0; 4 * MAX_MESSAGE]);
    assert!(bomb.len() < MAX_MESSAGE / 10);
    let answer = client.call(UNARY, &[SENDS], &[&bomb]).await;
    assert_eq!(answer.codes(), (200, Code::ResourceExhausted), "{answer:?}");
    assert_eq!(server.calls().len(), 0);
    client.goes_on().await;
}

#[tokio::test]
async fn a_message_takes_as_much_memory_as_it_has_without_compression() {
    let mut server = InProcess::start(&["--max-memory", "1M"]).await;
    let client = Client::of(&server).await;
    let large = compressed(&echo_request(&"x".repeat(1_000_000)));
    assert!(large.len() < 10_000);
    let answer = client.call(UNARY, &[SENDS], &[&large]).await;
    assert_eq!(answer.codes(), (200, Code::ResourceExhausted), "{answer:?}");
    assert!(answer.message().contains("memory"), "{answer:?}");
    assert_eq!(server.calls().len(), 0);
    client.goes_on().await;
}

#[tokio::test]
async fn what_is_no_gzip_is_internal() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let mut request = prefixed(b"this is no gzip");
    request[0] = 1;
    let whole = compressed(&echo_request("again"));
    let behind = with_length(&[&whole, &b"noise"[..]].concat());
    for (frames, reason) in [
        (&request[..], "no gzip"),
        (&whole[..20], "Unexpected EOF"),
        (&whole[..3], "Unexpected EOF"),
        (&behind, "no gzip"),
    ] {
        let answer = client.call(UNARY, &[SENDS], &[frames]).await;
        assert_eq!(answer.codes(), (200, Code::Internal), "{answer:?}");
        assert!(answer.message().contains(reason), "{answer:?}");
    }
    client.goes_on().await;
}

/// A message whose prefix says how long it is now.
fn with_length(message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    let length = u32::try_from(message.len() - 5).unwrap();
    message[1..5].copy_from_slice(&length.to_be_bytes());
    message
}

#[tokio::test]
async fn a_message_in_several_members_is_one() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let request = echo_request("again");
    let (first, rest) = request.split_at(4);
    let members = [&b"\x01...."[..], &gzip(first), &gzip(rest)].concat();
    let answer = client
        .call(UNARY, &[SENDS], &[&with_length(&members)])
        .await;
    assert_eq!(answer.body, echo_reply("again"), "{answer:?}");
}

#[tokio::test]
async fn who_sends_what_nobody_knows_is_told_of_gzip() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let request = prefixed(&echo_request("again"));
    let sends = |encoding| [("grpc-encoding", encoding)];
    let answer = client.call(UNARY, &sends("snappy"), &[&request]).await;
    assert_eq!(answer.codes(), (200, Code::Unimplemented), "{answer:?}");
    assert_eq!(answer.headers["grpc-accept-encoding"], "identity,gzip");
    for none in ["", "identity"] {
        let answer = client.call(UNARY, &sends(none), &[&request]).await;
        assert_eq!(answer.body, echo_reply("again"), "{answer:?}");
    }
}

#[tokio::test]
async fn switched_off_it_is_as_if_it_were_not_there() {
    let server = InProcess::start(&["--gzip-from", "0"]).await;
    let client = Client::of(&server).await;
    let text = "again ".repeat(1000);
    let request = compressed(&echo_request(&text));
    let answer = client.call(UNARY, &[SENDS], &[&request]).await;
    assert_eq!(answer.codes(), (200, Code::Unimplemented), "{answer:?}");
    let request = prefixed(&echo_request(&text));
    let answer = client.call(UNARY, &[ACCEPTS], &[&request]).await;
    assert_eq!(answer.body, echo_reply(&text));
}
