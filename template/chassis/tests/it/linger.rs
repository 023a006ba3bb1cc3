//! Clients that still send when the service has said all that it has to say.

use std::{io::ErrorKind, time::Duration};

use chassis::testing::{
    PATIENCE,
    http2::{END_STREAM, GOAWAY, HEADERS, PING, Raw, frame},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use crate::support::{UNARY, echo_request, running};

/// Between what comes too late and more of it.
const PAUSE: Duration = Duration::from_millis(20);

/// A connection that has become too old, and whose last answer is there; and so is its end.
async fn ended(address: &str) -> Raw {
    let mut client = Raw::greet(address).await;
    client.begin(1, UNARY).await;
    client.wait_for(GOAWAY).await;
    let ping = client.wait_for(PING).await;
    client.acknowledge(&ping).await;
    client.wait_for(GOAWAY).await;
    client.end(1, &echo_request("last")).await;
    while client.wait_for(HEADERS).await.flags & END_STREAM == 0 {}
    let mut rest = Vec::new();
    client.0.read_to_end(&mut rest).await.unwrap();
    client
}

#[tokio::test]
async fn what_comes_too_late_is_read_and_resets_nothing() {
    let service = running(&["--connection-age", "100ms"]);
    let mut client = ended(&service.address()).await;
    for _ in 0..10 {
        client
            .0
            .write_all(&frame(PING, 0, 0, &[0; 8]))
            .await
            .unwrap();
        sleep(PAUSE).await;
    }
    assert!(client.0.take_error().unwrap().is_none());
}

#[tokio::test]
async fn who_goes_on_all_the_time_is_cut_off() {
    let service = running(&["--connection-age", "100ms"]);
    let mut client = ended(&service.address()).await;
    let cut_off = async {
        loop {
            if let Err(error) = client.0.write_all(&frame(PING, 0, 0, &[0; 8])).await {
                return error.kind();
            }
            sleep(PAUSE).await;
        }
    };
    let kind = timeout(PATIENCE, cut_off).await.expect("an end");
    let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&kind), "{kind}");
}
