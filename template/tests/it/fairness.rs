//! A handler that blocks its thread, as none should, harms as few as possible.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use tonic::Status;

use crate::support::{
    Instance,
    client::{Api, Client},
    http2::{DATA, END_STREAM, HEADERS, PING, Raw, frame, headers, hello_headers, hello_message},
};

/// RPCs that are sent together.
const BATCH: u32 = 12;

/// An instance where the RPC that says "block" blocks its thread until it is released.
async fn instance() -> (Instance, Sender<()>) {
    let (release, released) = channel();
    let released: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(released));
    let instance = Instance::start(move |request| {
        let released = released.clone();
        async move {
            let message = request.into_inner().message;
            if message == "block" {
                // Fails where the test has ended, which is as good.
                let _ = released.lock().unwrap().recv();
            }
            Ok::<_, Status>(message)
        }
    });
    (instance.await, release)
}

// Two threads, as on the smallest machine that has a thread to spare.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_delays_no_other() {
    let (instance, release) = instance().await;
    let neighbour = Client::connect(&instance.settings()).await.unwrap();
    let mut client = Raw::greet(&instance.address.to_string()).await;
    for (round, blocking) in (0..BATCH).enumerate() {
        // Sent together, they are begun together, and answered together if they can be.
        let first = 1 + 2 * BATCH * u32::try_from(round).unwrap();
        let stream = |n| first + 2 * n;
        let mut requests = Vec::new();
        for n in 0..BATCH {
            let message = if n == blocking { "block" } else { "pass" };
            requests.extend(headers(stream(n), &hello_headers()));
            requests.extend(frame(DATA, END_STREAM, stream(n), &hello_message(message)));
        }
        client.send(&requests).await;

        let mut others: HashSet<_> = (0..BATCH).map(stream).collect();
        others.remove(&stream(blocking));
        answered(&mut client, others).await;
        client.send(&frame(PING, 0, 0, &[0; 8])).await;
        while client.next().await.unwrap().kind != PING {}
        neighbour.hello("pass".into()).await.unwrap();

        release.send(()).unwrap();
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
