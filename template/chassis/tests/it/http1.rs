//! Clients that speak HTTP/1 to the port of gRPC.

use chassis::testing::http2::{GOAWAY, Raw, SETTINGS};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    InProcess,
    certificates::Certificates,
    echo,
    http::{self, metric},
    running,
};

/// What RFC 9113 calls 13.
const HTTP_1_1_REQUIRED: u32 = 13;

#[tokio::test]
async fn http1_is_told_what_the_port_speaks() {
    let server = InProcess::start(&[]).await;
    let address = server.address.to_string();
    for (method, body) in [("GET", ""), ("POST", "{\"a\":1}"), ("PUT", "x")] {
        let answer = http::request(&address, method, "/a.B/C", body).await;
        assert_eq!(answer.status, 505, "{method}");
        assert!(
            answer.head.contains("\r\nconnection: close"),
            "{}",
            answer.head
        );
        assert!(answer.body.contains("gRPC, over HTTP/2"), "{}", answer.body);
    }
    let head = http::request(&address, "HEAD", "/", "").await;
    assert_eq!((head.status, &*head.body), (505, ""));
    let rejected = r#"grpc_server_connections_rejected_total{reason="http1"}"#;
    assert_eq!(metric(&server.admin, rejected).await, Some(4.0));
    assert_eq!(echo(&address, "others").await.unwrap(), "others");
}

#[tokio::test]
async fn an_answer_survives_a_request_that_goes_on_after_it() {
    let server = InProcess::start(&[]).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    let body = "x".repeat(30_000);
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 30000\r\n\r\n{body}");
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
}

#[tokio::test]
async fn behind_tls_it_is_the_same() {
    let certificates = Certificates::new();
    let mut service = certificates.service(&["--loglevel", "0"]);
    let mut tls = certificates.tls(&service.address()).await;
    tls.write_all(b"GET /\x1b HTTP/1.1\r\n\r\n").await.unwrap();
    assert_eq!(tls.read(&mut [0]).await.unwrap_or(0), 0, "this is garbage");
    service.wait_for("bogus greeting");

    let mut tls = certificates.tls(&service.address()).await;
    tls.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    tls.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
    let line = service.wait_for(r#"HTTP/1 request "GET / HTTP/1.1""#);
    assert!(line.contains(" DEBUG "), "{line}");
}

#[tokio::test]
async fn half_a_request_is_waited_for_and_no_longer_than_a_greeting() {
    let mut service = running(&["--handshake-timeout", "100ms"]);
    let mut tcp = TcpStream::connect(service.address()).await.unwrap();
    tcp.write_all(b"GET / HTTP").await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"");
    service.wait_for("no greeting within 100ms");
}

/// Clients that speak HTTP/2 to the admin port.
#[tokio::test]
async fn the_admin_port_says_that_it_wants_http1() {
    let server = InProcess::start(&[]).await;
    let mut client = Raw::greet(&server.admin).await;
    assert!(client.wait_for(SETTINGS).await.settings().is_empty());
    let goodbye = client.wait_for(GOAWAY).await;
    assert_eq!(goodbye.number(), HTTP_1_1_REQUIRED);
    assert!(client.next().await.is_none());
    assert_eq!(http::get(&server.admin, "/livez").await.status, 200);
    let put = http::request(&server.admin, "PUT", "/livez", "").await;
    assert_eq!(put.status, 405);
}
