//! The gRPC protocol to the letter: what is answered to requests that no library
//! sends.

use chassis::testing::http2::prefixed;
use hyper::Request;
use tonic::{Code, Status};

use crate::{
    contract::test::v1::scripted_server::ScriptedServer,
    support::{
        InProcess, SERVICE, UNARY,
        by_h2::{Client, GRPC},
        echo_reply, echo_request,
        http::metric,
    },
};

const CLIENT_STREAM: &str = "/test.v1.Scripted/ClientStream";
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

async fn refused(server: &InProcess, reason: &str) -> Option<f64> {
    let name = format!(r#"grpc_server_refused_total{{reason="{reason}"}}"#);
    metric(&server.admin, &name).await
}

#[tokio::test]
async fn another_content_type_than_that_of_grpc_is_415() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let request = prefixed(&echo_request("a"));
    let bad = [
        "application/json",
        "application/grpcfoo",
        "application/grpc-web",
        "",
    ];
    for value in bad {
        let fields = [("content-type", value)];
        let answer = client.ask("POST", UNARY, &fields, &[&request]).await;
        assert_eq!(answer.codes(), (415, Code::InvalidArgument), "{value}");
        assert!(
            answer.message().contains(&format!("\"{value}\"")),
            "{answer:?}"
        );
    }
    let none = client.ask("POST", UNARY, &[], &[&request]).await;
    assert_eq!(none.codes(), (415, Code::InvalidArgument));
    assert_eq!(none.headers["content-type"], "application/grpc");
    let good = [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc;v=1",
    ];
    for value in good {
        let fields = [("content-type", value)];
        let answer = client.ask("POST", UNARY, &fields, &[&request]).await;
        assert_eq!(answer.codes(), (200, Code::Ok), "{value}");
        assert_eq!(answer.body, echo_reply("a"));
    }
    assert_eq!(refused(&server, "content_type").await, Some(5.0));
    client.goes_on().await;
}

#[tokio::test]
async fn another_method_than_post_is_405() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let request = prefixed(&echo_request("a"));
    for method in ["PUT", "PATCH", "BREW"] {
        let answer = client.ask(method, UNARY, &[GRPC], &[&request]).await;
        assert_eq!(answer.codes(), (405, Code::Internal), "{method}");
        assert_eq!(answer.headers["allow"], "POST");
        assert!(answer.message().contains(method), "{answer:?}");
    }
    for path in [UNARY, "/"] {
        let answer = client.ask("GET", path, &[], &[]).await;
        assert_eq!(answer.codes(), (405, Code::Internal), "{path}");
    }
    assert_eq!(refused(&server, "method").await, Some(5.0));
    client.goes_on().await;
}

#[tokio::test]
async fn a_method_that_takes_one_message_takes_just_one() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let one = prefixed(&echo_request("a"));
    let two = [&*one, &one].concat();
    let more = [&*one, b"x"].concat();
    let (start, end) = one.split_at(7);
    let [mut longer, mut shorter, mut compressed, mut strange] = [(); 4].map(|()| one.clone());
    longer[4] += 1;
    shorter[4] -= 1;
    compressed[0] = 1;
    strange[0] = 2;
    let cases: [(_, &[&[u8]]); 12] = [
        ("no frame", &[]),
        ("no message", &[b""]),
        ("two messages in one frame", &[&two]),
        ("two messages in two", &[&one, &one]),
        ("two messages in pieces", &[start, end, start, end]),
        ("a byte behind it", &[&more]),
        ("a byte behind it in a frame", &[&one, b"x"]),
        ("half a prefix", &[&[0, 0]]),
        ("a length that is too long", &[&longer]),
        ("a length that is too short", &[&shorter]),
        ("compressed, by what is not said", &[&compressed]),
        ("a flag that is none", &[&strange]),
    ];
    for path in [UNARY, "/test.v1.Scripted/ServerStream", HEALTH_CHECK] {
        for (name, frames) in cases {
            let answer = client.call(path, &[], frames).await;
            assert_eq!(answer.codes(), (200, Code::Internal), "{path}: {name}");
            assert_ne!(answer.message(), "", "{path}: {name}");
        }
    }
    assert_eq!(server.calls().len(), 0, "no handler has seen any of them");
    let pieces: [&[u8]; 4] = [&one[..3], &one[3..9], &one[9..], b""];
    let in_pieces = client.call(UNARY, &[], &pieces).await;
    assert_eq!(in_pieces.body, echo_reply("a"));
    let streamed = client.call(CLIENT_STREAM, &[], &[&two, &one]).await;
    assert_eq!(streamed.codes(), (200, Code::Ok), "{streamed:?}");
    client.goes_on().await;
}

#[tokio::test]
async fn a_stream_of_messages_ends_with_a_whole_one() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let one = prefixed(&echo_request("a"));
    let cut = client.call(CLIENT_STREAM, &[], &[&one, &one[..9]]).await;
    assert_eq!(cut.codes(), (200, Code::Internal), "{cut:?}");
}

#[tokio::test]
async fn a_timeout_that_is_none_is_400_and_internal() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let request = prefixed(&echo_request("a"));
    let bad = [
        "abc",
        "-1S",
        "123456789S",
        "1",
        "S",
        "",
        "1x",
        "+1S",
        "1 S",
        "1.5S",
    ];
    for value in bad {
        let fields = [("grpc-timeout", value)];
        let answer = client.call(UNARY, &fields, &[&request]).await;
        assert_eq!(answer.codes(), (400, Code::Internal), "{value}");
        assert!(answer.message().contains("grpc-timeout"), "{answer:?}");
    }
    for value in ["99999999H", "1M", "20S", "99999999n"] {
        let fields = [("grpc-timeout", value)];
        let answer = client.call(UNARY, &fields, &[&request]).await;
        assert_eq!(answer.codes(), (200, Code::Ok), "{value}");
    }
    assert_eq!(refused(&server, "timeout").await, Some(10.0));
    client.goes_on().await;
}

#[tokio::test]
async fn no_time_at_all_is_over_before_the_handler_is_asked() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let request = prefixed(&echo_request("a"));
    for value in ["0n", "0S", "00000000H"] {
        let fields = [("grpc-timeout", value)];
        let answer = client.call(UNARY, &fields, &[&request]).await;
        assert_eq!(answer.codes(), (200, Code::DeadlineExceeded), "{value}");
    }
    assert_eq!(server.calls().len(), 0);
    client.goes_on().await;
}

#[tokio::test]
async fn binary_metadata_that_is_no_base64_is_400_and_internal() {
    let mut server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let request = prefixed(&echo_request("a"));
    for value in ["!", "A", "AA=", "AA==,!"] {
        let answer = client.call(UNARY, &[("x-bin", value)], &[&request]).await;
        assert_eq!(answer.codes(), (400, Code::Internal), "{value}");
        assert!(answer.message().contains("\"x-bin\""), "{answer:?}");
    }
    assert_eq!(refused(&server, "binary_metadata").await, Some(4.0));
    assert_eq!(server.calls().len(), 0);
    for value in ["AAEC", "AA", "AA==", ""] {
        let answer = client.call(UNARY, &[("x-bin", value)], &[&request]).await;
        assert_eq!(answer.codes(), (200, Code::Ok), "{value}");
    }
    client.goes_on().await;
}

#[tokio::test]
async fn metadata_over_the_limit_is_resource_exhausted() {
    for (flags, limit) in [
        (&[][..], 16 * 1024),
        (&["--max-metadata-size", "4096"], 4096),
    ] {
        let server = InProcess::start(flags).await;
        let client = Client::of(&server).await;
        let request = prefixed(&echo_request("a"));
        for size in [limit, 2 * limit, 120_000] {
            let large = "x".repeat(size);
            let answer = client
                .call(UNARY, &[("x-large", &large)], &[&request])
                .await;
            assert_eq!(answer.codes(), (200, Code::ResourceExhausted), "{size}");
            let told = format!("the limit is {limit}");
            assert!(answer.message().contains(&told), "{answer:?}");
        }
        assert_eq!(refused(&server, "metadata_size").await, Some(3.0));
        let handled = format!(
            "grpc_server_handled_total{{grpc_service=\"{SERVICE}\",grpc_method=\"Unary\",\
             grpc_type=\"unary\",grpc_code=\"ResourceExhausted\"}}"
        );
        assert_eq!(metric(&server.admin, &handled).await, Some(3.0));
        let fits = "x".repeat(limit - 500);
        let answer = client.call(UNARY, &[("x-large", &fits)], &[&request]).await;
        assert_eq!(answer.codes(), (200, Code::Ok));
        client.goes_on().await;
    }
}

// h2 answers this by itself, in HTTP's words.
#[tokio::test]
async fn metadata_far_over_the_limit_is_431_and_the_connection_goes_on() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let large = "x".repeat(1000);
    let fields = (0..10 * 16).fold(Request::post("http://localhost/"), |request, n| {
        request.header(format!("x-{n}"), &large)
    });
    let mut sender = client.0.clone().ready().await.unwrap();
    let (response, _) = sender.send_request(fields.body(()).unwrap(), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 431);
    client.goes_on().await;
}

#[tokio::test]
async fn who_is_unknown_is_named() {
    let server = InProcess::start(&[]).await;
    let client = Client::of(&server).await;
    let request = prefixed(&echo_request("a"));
    let cases = [
        (
            "/test.v1.Scripted/Nope",
            r#"method "Nope" of service "test.v1.Scripted""#,
        ),
        (
            "/test.v1.Nope/Unary",
            r#"method "Unary" of service "test.v1.Nope""#,
        ),
        // That of the standard, which is a prefix of no other.
        (
            "/grpc.health.v1.Health/Nope",
            r#"method "Nope" of service "grpc.health.v1.Health""#,
        ),
        (
            "/test.v1.Scripted",
            r#"method "" of service "test.v1.Scripted""#,
        ),
        ("/", r#"method "" of service """#),
        ("/a/b/c", r#"method "c" of service "a/b""#),
        (
            "/test.v1.Scripted/Unary?a=b",
            r#"method "Unary?a=b" of service "test.v1.Scripted""#,
        ),
        (
            "/grpc.health.v1.Health/Check?",
            r#"method "Check?" of service "grpc.health.v1.Health""#,
        ),
        (r#"/"/{}"#, r#"method "{}" of service "\"""#),
    ];
    for (path, named) in cases {
        let answer = client.call(path, &[], &[&request]).await;
        assert_eq!(answer.codes(), (200, Code::Unimplemented), "{path}");
        assert_eq!(answer.message(), format!("unknown {named}"), "{path}");
    }
    client.goes_on().await;
}

/// A handler's own UNIMPLEMENTED is what it said, with or without words.
#[tokio::test]
async fn what_a_handler_says_of_itself_is_left_as_it_is() {
    let server = InProcess::serving(InProcess::settings(&[]), "scripted", |scripted| {
        chassis::server::Rpcs::new().with(
            crate::contract::SCRIPTED,
            ScriptedServer::with_interceptor(scripted, |_| Err(Status::unimplemented(""))),
        )
    })
    .await;
    let client = Client::of(&server).await;
    let request = prefixed(&echo_request("a"));
    let answer = client.call(UNARY, &[], &[&request]).await;
    assert_eq!(answer.codes(), (200, Code::Unimplemented));
    assert_eq!(answer.message(), "");
}
