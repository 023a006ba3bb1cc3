//! A handler that blocks its thread, as none should, harms as few as possible.

use std::collections::HashSet;

use chassis::testing::http2::{
    self, DATA, END_STREAM, HEADERS, PING, Raw, frame, headers, prefixed,
};
use prost::Message;

use crate::support::{InProcess, UNARY, request, script};

/// RPCs that are sent together.
const BATCH: u32 = 12;

// Two threads, as on the smallest machine that has a thread to spare.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_delays_no_other() {
    let server = InProcess::start(&[]).await;
    let mut neighbour = server.stub().await;
    let mut client = Raw::greet(&server.address.to_string()).await;
    for (round, blocking) in (0..BATCH).enumerate() {
        // Sent together, they are begun together, and answered together if they can be.
        let first = 1 + 2 * BATCH * u32::try_from(round).unwrap();
        let stream = |n| first + 2 * n;
        let mut requests = Vec::new();
        for n in 0..BATCH {
            let words = if n == blocking { "block" } else { "reply" };
            let message = prefixed(&script(words).encode_to_vec());
            requests.extend(headers(stream(n), &http2::request(UNARY)));
            requests.extend(frame(DATA, END_STREAM, stream(n), &message));
        }
        client.send(&requests).await;

        let mut others: HashSet<_> = (0..BATCH).map(stream).collect();
        others.remove(&stream(blocking));
        answered(&mut client, others).await;
        client.send(&frame(PING, 0, 0, &[0; 8])).await;
        while client.next().await.unwrap().kind != PING {}
        neighbour.unary(request("reply")).await.unwrap();

        server.unblock();
        answered(&mut client, HashSet::from([stream(blocking)])).await;
    }
}

/// Reads until all of `streams` have ended, and no other has.
async fn answered(client: &mut Raw, mut streams: HashSet<u32>) {
    while !streams.is_empty() {
        let frame = client.next().await.expect("a reply");
        if frame.kind == HEADERS && frame.flags & END_STREAM != 0 {
            assert!(streams.remove(&frame.stream), "{frame:?}");
        }
    }
}
