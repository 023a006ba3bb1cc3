//! The client library: deadlines, what it passes on, retries.

use std::{
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, time::sleep};
use tonic::{Code, Request, Status};

use crate::support::{
    Instance,
    client::{Api, Client, Error, Settings},
    context::{Context, Trace},
    proto::HelloRequest,
};

fn status(outcome: Result<String, Error>) -> Status {
    match outcome {
        Err(Error::Call(status)) => status,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_that_fails_twice_succeeds_at_the_third_attempt() {
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = attempts.clone();
    let instance = Instance::start(move |request: Request<HelloRequest>| {
        let mut seen = seen.lock().unwrap();
        let before = request.metadata().get("grpc-previous-rpc-attempts");
        seen.push(before.map(|before| before.to_str().unwrap().to_owned()));
        let answer = if seen.len() < 3 {
            Err(Status::unavailable("starting"))
        } else {
            Ok(request.into_inner().message)
        };
        async { answer }
    })
    .await;
    let client = Client::connect(&instance.settings()).await.unwrap();
    let start = Instant::now();
    assert_eq!(client.hello("again".into()).await.unwrap(), "again");
    // 100 ms and 200 ms, less a fifth.
    assert!(start.elapsed() >= Duration::from_millis(240));
    let attempts = attempts.lock().unwrap();
    assert_eq!(*attempts, [None, Some("1".into()), Some("2".into())]);
}

#[tokio::test]
async fn retries_cease_when_they_never_help_and_return_with_success() {
    let attempts = Arc::new(AtomicU32::new(0));
    let seen = attempts.clone();
    let instance = Instance::start(move |request: Request<HelloRequest>| {
        seen.fetch_add(1, Relaxed);
        let answer = match &*request.into_inner().message {
            "" => Err(Status::unavailable("down")),
            message => Ok(message.into()),
        };
        async { answer }
    })
    .await;
    let client = Client::connect(&instance.settings()).await.unwrap();
    let mut counts = Vec::new();
    for _ in 0..3 {
        let status = status(client.hello(String::new()).await);
        assert_eq!(
            (status.code(), status.message()),
            (Code::Unavailable, "down")
        );
        counts.push(attempts.swap(0, Relaxed));
    }
    assert_eq!(counts, [4, 1, 1]);

    // Six failures took 60 of 100 tokens; the next may be tried again if more than 50 are left.
    for _ in 0..21 {
        client.hello("up".into()).await.unwrap();
    }
    attempts.store(0, Relaxed);
    status(client.hello(String::new()).await);
    assert_eq!(attempts.load(Relaxed), 2);
}

#[tokio::test]
async fn an_error_that_is_an_answer_is_not_tried_again() {
    let attempts = Arc::new(AtomicU32::new(0));
    let seen = attempts.clone();
    let instance = Instance::start(move |_| {
        seen.fetch_add(1, Relaxed);
        async { Err(Status::not_found("no such order")) }
    })
    .await;
    let client = Client::connect(&instance.settings()).await.unwrap();
    let status = status(client.hello(String::new()).await);
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(attempts.load(Relaxed), 1);
}

#[tokio::test]
async fn a_call_ends_with_the_call_timeout() {
    let instance = Instance::start(|_| async {
        sleep(Duration::from_hours(1)).await;
        Ok(String::new())
    })
    .await;
    let settings = Settings {
        call_timeout: Duration::from_millis(50),
        ..instance.settings()
    };
    let client = Client::connect(&settings).await.unwrap();
    let start = Instant::now();
    let status = status(client.hello(String::new()).await);
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_call_passes_on_what_is_left_of_the_time_and_whose_it_is() {
    let instance = Instance::start(|request: Request<HelloRequest>| async move {
        let metadata = request.metadata();
        let text = |name| metadata.get(name).unwrap().to_str().unwrap();
        let timeout = text("grpc-timeout").strip_suffix('u').unwrap();
        let left = Duration::from_micros(timeout.parse().unwrap());
        assert!(left <= Duration::from_secs(5), "{left:?}");
        assert!(left > Duration::from_secs(1), "{left:?}");
        let [id, trace, state] = ["x-request-id", "traceparent", "tracestate"].map(text);
        Ok(format!("{id} {trace} {state}"))
    })
    .await;
    let client = Client::connect(&instance.settings()).await.unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let context = Context {
        deadline: Some(tokio::time::Instant::now() + Duration::from_secs(5)),
        trace: Some(Arc::new(Trace {
            request_id: "order-7".parse().unwrap(),
            traceparent: trace.parse().unwrap(),
            tracestate: Some("vendor=1".parse().unwrap()),
            span: None,
        })),
    };
    let answer = context.scope(client.hello(String::new())).await.unwrap();
    assert_eq!(answer, format!("order-7 {trace} vendor=1"));
}

#[tokio::test]
async fn a_client_outlives_a_restart_of_the_service() {
    let instance = Instance::start(|_| async { Ok("first".into()) }).await;
    let address = instance.address;
    let client = Client::connect(&instance.settings()).await.unwrap();
    assert_eq!(client.hello(String::new()).await.unwrap(), "first");
    instance.stop().await;
    let status = status(client.hello(String::new()).await);
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("Connection refused"), "{status}");
    let _second = Instance::named(address, "second").await;
    assert_eq!(client.hello(String::new()).await.unwrap(), "second");
}

#[tokio::test]
async fn a_server_that_does_not_speak_grpc_is_no_success() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It accepts, and says nothing.
    let settings = Settings {
        attempts: 2,
        connect_timeout: Duration::from_millis(50),
        ..Settings::new("127.0.0.1", address.port())
    };
    let error = Client::connect(&settings).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        format!("can't connect to {address} (2 attempts): no answer within 50ms")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_client_says_what_it_does() {
    let instance = Instance::start(|request: Request<HelloRequest>| async {
        Ok(request.into_inner().message)
    })
    .await;
    let port = instance.address.port().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(["--ip", "127.0.0.1", "--port", &port])
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "Sending message:\"Hello, world!\"\n\
         Got response message:\"Hello, world!\"\n\
         Closed connection.\n"
    );
    let steps: Vec<_> = log
        .lines()
        .filter_map(|line| Some(line.split_once(" INFO  ")?.1.to_owned()))
        .collect();
    let address = instance.address;
    assert_eq!(
        steps,
        [
            format!("Initialize connection to {address}"),
            "Setup connection options (without TLS)".into(),
            format!("Connect to {address}"),
        ]
    );
}
