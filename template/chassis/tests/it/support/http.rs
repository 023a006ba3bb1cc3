//! Just enough HTTP to ask an admin port.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What the admin port answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

pub async fn get(address: &str, path: &str) -> Answer {
    request(address, "GET", path, "").await
}

pub async fn request(address: &str, method: &str, path: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let mut tcp = TcpStream::connect(address).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.into(),
        body: body.into(),
    }
}

/// The value of a metric, named with all its labels.
pub async fn metric(address: &str, name: &str) -> Option<f64> {
    let answer = get(address, "/metrics").await;
    assert_eq!(answer.status, 200);
    let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
    answer.body.lines().find_map(value)
}
