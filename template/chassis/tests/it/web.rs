//! Calls by gRPC-Web, as browsers make them.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use chassis::{server::Settings, testing::http2::prefixed};
use prost::Message;

use crate::support::{
    InProcess, SERVER_STREAM, UNARY,
    by_h2::{Client, Received},
    echo_reply, echo_request,
    http::metric,
    script,
};

const PAGE: &str = "https://app.example.com";
const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The messages in its body, and the trailers in the last of them.
    fn messages(&self) -> (Vec<Vec<u8>>, HashMap<String, String>) {
        let (mut left, mut messages) = (&self.body[..], Vec::new());
        while let [flag, a, b, c, d, rest @ ..] = left {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            let (message, behind) = rest.split_at(length);
            if *flag == 0x80 {
                assert!(behind.is_empty(), "the trailers come last");
                let text = str::from_utf8(message).unwrap();
                let fields = text.split_terminator("\r\n");
                let fields = fields.map(|field| field.split_once(": ").unwrap());
                return (
                    messages,
                    fields.map(|(a, b)| (a.into(), b.into())).collect(),
                );
            }
            messages.push(message.to_vec());
            left = behind;
        }
        panic!("no trailers in {:?}", self.body.escape_ascii().to_string());
    }
}

/// Calls the method of `path`, as a page of `origin`.
async fn call(
    browser: &Client,
    origin: &str,
    content_type: &str,
    path: &str,
    body: &[u8],
) -> Received {
    let fields = [
        ("content-type", content_type),
        ("origin", origin),
        ("x-grpc-web", "1"),
    ];
    browser.send("POST", path, &fields, &[body]).await
}

/// Asks whether a page may call the method of `path`.
async fn ask(browser: &Client, fields: &[(&str, &str)]) -> Received {
    browser.send("OPTIONS", UNARY, fields, &[]).await
}

async fn server(origins: &[&str]) -> InProcess {
    let settings = Settings {
        web_origins: origins.iter().map(|it| it.parse().unwrap()).collect(),
        ..InProcess::settings(&[])
    };
    InProcess::with(settings).await
}

#[tokio::test]
async fn a_page_calls_and_finds_the_trailers_in_the_body() {
    let server = server(&[PAGE]).await;
    let browser = Client::of(&server).await;
    let request = prefixed(&echo_request("from a page"));
    let answer = call(&browser, PAGE, BINARY, UNARY, &request).await;
    assert_eq!(answer.http, 200);
    assert_eq!(answer.header("content-type"), Some(BINARY));
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.header("access-control-expose-headers"), Some("*"));
    assert!(answer.trailers.is_none());
    let (messages, trailers) = answer.messages();
    assert_eq!(prefixed(&messages[0]), echo_reply("from a page"));
    assert_eq!(trailers["grpc-status"], "0");
    // It counts as any other.
    let counted = concat!(
        r#"grpc_server_handled_total{grpc_service="test.v1.Scripted","#,
        r#"grpc_method="Unary",grpc_type="unary",grpc_code="OK"}"#
    );
    assert_eq!(metric(&server.admin, counted).await, Some(1.0));
}

#[tokio::test]
async fn a_page_that_knows_text_alone_gets_base64() {
    let server = server(&["*"]).await;
    let browser = Client::of(&server).await;
    let request = STANDARD.encode(prefixed(&echo_request("as text")));
    let mut answer = call(&browser, PAGE, TEXT, UNARY, request.as_bytes()).await;
    assert_eq!(answer.header("content-type"), Some(TEXT));
    let quads = answer
        .body
        .chunks(4)
        .map(|quad| STANDARD.decode(quad).unwrap());
    answer.body = quads.collect::<Vec<_>>().concat();
    let (messages, trailers) = answer.messages();
    assert_eq!(prefixed(&messages[0]), echo_reply("as text"));
    assert_eq!(trailers["grpc-status"], "0");

    let answer = call(&browser, PAGE, TEXT, UNARY, b"!!!!").await;
    assert_eq!(answer.header("grpc-status"), Some("13"), "{answer:?}");
}

#[tokio::test]
async fn a_stream_is_many_messages_and_its_status_the_last() {
    let server = server(&[PAGE]).await;
    let browser = Client::of(&server).await;
    for (words, number, status) in [("reply=1 reply=2", 2, "0"), ("reply=1 fail=9", 1, "9")] {
        let request = prefixed(&script(words).encode_to_vec());
        let answer = call(&browser, PAGE, BINARY, SERVER_STREAM, &request).await;
        let (messages, trailers) = answer.messages();
        assert_eq!(messages.len(), number, "{words}");
        assert_eq!(trailers["grpc-status"], status, "{words}");
    }
}

#[tokio::test]
async fn a_browser_that_asks_first_is_told_what_a_page_may() {
    let server = server(&[PAGE]).await;
    let browser = Client::of(&server).await;
    let asks = |origin| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-type,x-grpc-web",
            ),
        ]
    };
    let answer = ask(&browser, &asks(PAGE)).await;
    assert_eq!(answer.http, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    assert_eq!(
        answer.header("access-control-allow-headers"),
        Some("authorization,content-type,x-grpc-web")
    );
    assert_eq!(answer.header("vary"), Some("origin"));
    let stranger = "https://evil.example.com";
    let answer = ask(&browser, &asks(stranger)).await;
    assert_eq!(
        (answer.http, answer.header("access-control-allow-origin")),
        (403, None)
    );

    let request = prefixed(&echo_request("evil"));
    let answer = call(&browser, stranger, BINARY, UNARY, &request).await;
    assert_eq!(
        (answer.http, answer.header("access-control-allow-origin")),
        (403, None)
    );
}

#[tokio::test]
async fn without_an_origin_it_is_as_if_it_were_not_there() {
    let server = server(&[]).await;
    let browser = Client::of(&server).await;
    let request = prefixed(&echo_request("?"));
    let answer = call(&browser, PAGE, BINARY, UNARY, &request).await;
    assert_eq!(answer.http, 415);
    let fields = [("origin", PAGE), ("access-control-request-method", "POST")];
    let answer = ask(&browser, &fields).await;
    assert_eq!(answer.http, 405);
}
