//! A flood of TLS handshakes, each of which costs the service more than its client.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::support::{Stub, certificates::Certificates, request};

/// Strangers, each with one handshake at a time.
const FLOOD: usize = 200;

/// What a good client asks for: twenty calls a second.
const CALLS: u32 = 20;
const PERIOD: Duration = Duration::from_millis(50);
const DEADLINE: Duration = Duration::from_secs(3);

/// Has the service sign an answer to `greeting` again and again, and reads none to its end.
async fn flood(address: String, greeting: Vec<u8>) {
    loop {
        // Refused or reset, it comes again.
        if let Ok(mut tcp) = TcpStream::connect(&address).await {
            let _ = tcp.write_all(&greeting).await;
            let _ = tcp.read(&mut [0; 64]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_handshakes_locks_nobody_out() {
    let certificates = Certificates::new();
    let service = certificates.service(&[]);
    let address = service.address();
    let channel = certificates.channel(&address, None).await.unwrap();
    let mut old = Stub::new(channel);
    let greeting = certificates.tls_greeting().await;
    let mut strangers = JoinSet::new();
    for _ in 0..FLOOD {
        strangers.spawn(flood(address.clone(), greeting.clone()));
    }
    let mut slow = Vec::new();
    for _ in 0..FLOOD {
        // Who never ends one keeps nobody's place.
        let mut tcp = TcpStream::connect(&address).await.unwrap();
        tcp.write_all(&greeting[..greeting.len() / 2])
            .await
            .unwrap();
        slow.push(tcp);
    }
    let (mut on_the_old, mut on_a_new) = (Duration::ZERO, Duration::ZERO);
    let mut pace = interval(PERIOD);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..CALLS {
        pace.tick().await;
        let mut call = request("reply");
        call.set_timeout(DEADLINE);
        let began = Instant::now();
        old.unary(call).await.unwrap();
        on_the_old += began.elapsed();

        let began = Instant::now();
        let answer = timeout(DEADLINE, certificates.echo(&address, None)).await;
        answer.expect("an answer in time").unwrap();
        on_a_new += began.elapsed();
    }
    let (on_the_old, on_a_new) = (on_the_old / CALLS, on_a_new / CALLS);
    println!("a call takes {on_the_old:?}, on a new connection {on_a_new:?}");
    // Handshakes stand in line; calls don't have to wait for them.
    assert!(on_the_old < on_a_new / 4, "{on_the_old:?}, {on_a_new:?}");
}
