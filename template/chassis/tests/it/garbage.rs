//! Peers that don't speak gRPC.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{request, running, stub};

#[tokio::test]
async fn lines_typed_by_telnet_are_logged_escaped_and_nobody_else_notices() {
    let mut service = running(&[]);
    let mut bystander = stub(&service.address()).await;
    bystander.unary(request("reply")).await.unwrap();

    let mut telnet = TcpStream::connect(service.address()).await.unwrap();
    telnet
        .write_all(b"noise\r\n\x1b[31mmore\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    telnet.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"");
    let line = service.wait_for("bogus greeting");
    assert!(line.contains(r#""noise\r\n\x1b[31mmore\r\n""#), "{line}");
    assert!(
        line.contains(&telnet.local_addr().unwrap().to_string()),
        "{line}"
    );

    bystander.unary(request("reply")).await.unwrap();
}

#[tokio::test]
async fn a_probe_of_the_port_is_nothing_to_warn_about() {
    let mut service = running(&["--loglevel", "0"]);
    drop(TcpStream::connect(service.address()).await.unwrap());
    let line = service.wait_for("closed without a word");
    assert!(line.contains(" DEBUG "), "{line}");
}
