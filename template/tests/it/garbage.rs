//! Peers that don't speak gRPC.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Child, Stub, channel, proto};

#[tokio::test]
async fn lines_typed_by_telnet_are_logged_escaped_and_nobody_else_notices() {
    let mut service = Child::running(&[]);
    let mut bystander = Stub::new(channel(&service.address()).await);
    bystander
        .hello(proto::HelloRequest::default())
        .await
        .unwrap();

    let mut telnet = TcpStream::connect(service.address()).await.unwrap();
    telnet
        .write_all(b"Hello\r\n\x1b[31mWorld\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    telnet.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"");
    let line = service.wait_for("bogus greeting");
    assert!(line.contains(r#""Hello\r\n\x1b[31mWorld\r\n""#), "{line}");
    assert!(
        line.contains(&telnet.local_addr().unwrap().to_string()),
        "{line}"
    );

    bystander
        .hello(proto::HelloRequest::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_probe_of_the_port_is_nothing_to_warn_about() {
    let mut service = Child::running(&["--loglevel", "0"]);
    drop(TcpStream::connect(service.address()).await.unwrap());
    let line = service.wait_for("closed without a word");
    assert!(line.contains(" DEBUG "), "{line}");
}
