//! Probes of the admin port are answered whatever others do there.

use std::time::{Duration, Instant};

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{http::get, running};

/// How soon a probe has to be answered; a kubelet waits for a second.
const AT_ONCE: Duration = Duration::from_millis(100);

/// The fastest of a few probes: the machine may be busy, but not each time.
async fn probe(admin: &str) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        assert_eq!(get(admin, "/livez").await.status, 200);
        fastest = fastest.min(start.elapsed());
    }
    fastest
}

/// Connects `count` times, and says `words` and no more.
async fn stuck(admin: &str, count: usize, words: &str) -> Vec<TcpStream> {
    let mut stuck = Vec::new();
    for _ in 0..count {
        let mut tcp = TcpStream::connect(admin).await.unwrap();
        // It may have had to give way already.
        let _ = tcp.write_all(words.as_bytes()).await;
        stuck.push(tcp);
    }
    stuck
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_is_answered_at_once_besides_any_number_that_hold_on() {
    let mut service = running(&["--admin-port", "0"]);
    let admin = service.admin();
    let mut all = Vec::new();
    for words in [
        "",
        "GET /livez HTTP/1.1\r\n",
        "PUT /loglevel HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n",
        "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        for count in [16, 100] {
            all.push(stuck(&admin, count, words).await);
            let took = probe(&admin).await;
            assert!(took < AT_ONCE, "{took:?} besides {count} of {words:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_and_again_keeps_its_connection() {
    use tokio::io::AsyncReadExt;
    let mut service = running(&["--admin-port", "0"]);
    let admin = service.admin();
    let mut prometheus = TcpStream::connect(&admin).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(stuck(&admin, 7, "").await);
        let request = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
        prometheus.write_all(request).await.unwrap();
        let mut answer = [0; 12];
        prometheus.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        // What is left of it: up to the end of "alive\n".
        let mut rest = Vec::new();
        while !rest.ends_with(b"alive\n") {
            rest.push(prometheus.read_u8().await.unwrap());
        }
    }
}
