//! Probes of the admin port are answered whatever others do there.

use std::{
    io::{self, Read, Write},
    thread,
    time::{Duration, Instant},
};

use chassis::testing::PATIENCE;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinSet, spawn_blocking},
    time::sleep,
};

use crate::support::{
    http::{Answer, get},
    running, start,
};

/// Strangers, each with one connection at a time, and how often a probe comes.
const STRANGERS: usize = 300;
const PROBES: usize = 50;
const PERIOD: Duration = Duration::from_millis(20);

/// How soon a probe has to be answered, and how long a kubelet waits.
pub const AT_ONCE: Duration = Duration::from_millis(100);
const KUBELET: Duration = Duration::from_secs(1);

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
        for count in [256, 600] {
            all.push(stuck(&admin, count, words).await);
            let took = probe(&admin).await;
            assert!(took < AT_ONCE, "{took:?} besides {count} of {words:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_again_and_again_keeps_its_connection() {
    let mut service = running(&["--admin-port", "0"]);
    let admin = service.admin();
    let mut prometheus = TcpStream::connect(&admin).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(stuck(&admin, 100, "").await);
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

/// Connects and says `words`; and again, as soon as it is thrown out or answered.
async fn stranger(admin: String, words: &'static str) {
    loop {
        if let Ok(mut tcp) = TcpStream::connect(&admin).await {
            let _ = tcp.write_all(words.as_bytes()).await;
            let _ = tcp.read(&mut [0; 64]).await;
        }
    }
}

/// What probes beside strangers that say `words` take, from the fastest to the slowest.
async fn probes_beside(words: &'static str) -> Vec<Duration> {
    let mut service = running(&["--admin-port", "0"]);
    let admin = service.admin();
    let mut strangers = JoinSet::new();
    for _ in 0..STRANGERS {
        strangers.spawn(stranger(admin.clone(), words));
    }
    // On a thread of its own: what keeps the strangers busy is none of its business.
    let times = spawn_blocking(move || {
        let mut times = Vec::new();
        for _ in 0..PROBES {
            thread::sleep(PERIOD);
            let start = Instant::now();
            let answer = probe_once(&admin);
            times.push(start.elapsed());
            let alive = (answer.as_ref()).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "));
            assert!(alive, "beside {words:?}: {answer:?}");
        }
        times
    });
    let mut times = times.await.unwrap();
    times.sort();
    times
}

/// What `/livez` answers, as a whole.
pub fn probe_once(admin: &str) -> io::Result<String> {
    let mut tcp = std::net::TcpStream::connect(admin)?;
    tcp.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    tcp.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_probe_is_answered_beside_a_flood_of_new_connections() {
    // Who has it work, and works as hard on the same machine, is another matter.
    for (words, soon) in [
        ("", AT_ONCE),
        ("GET /livez HTTP/1.1\r\n", AT_ONCE),
        ("GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n", KUBELET),
    ] {
        let times = probes_beside(words).await;
        let (middle, most) = (times[PROBES / 2], times[PROBES - 1]);
        println!("beside {words:?}: {middle:?} in the middle, {most:?} at most");
        assert!(middle < soon, "{middle:?} beside {words:?}");
    }
}

#[tokio::test]
async fn probes_are_answered_at_once_while_no_thread_is_free_and_say_so_in_the_end() {
    let mut service = start(&["--admin-port", "0", "--task", "blocks"]);
    let admin = service.admin();
    service.wait_for("All threads are taken");
    let took = probe(&admin).await;
    assert!(took < AT_ONCE, "{took:?}");
    let end = Instant::now() + PATIENCE;
    let stuck = loop {
        let answer = get(&admin, "/livez").await;
        if answer.status != 200 {
            break answer;
        }
        assert!(Instant::now() < end, "it is still alive");
        sleep(PERIOD).await;
    };
    let says_so = |it: &Answer| it.status == 503 && it.body.starts_with("stuck: no thread");
    assert!(says_so(&stuck), "{}", stuck.body);
    let ready = get(&admin, "/readyz").await;
    assert!(says_so(&ready), "{}", ready.body);
}
