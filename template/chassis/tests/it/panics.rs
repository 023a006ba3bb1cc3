//! Handlers that panic.

use std::{
    io, panic,
    sync::{Arc, Mutex},
};

use chassis::telemetry::panics;
use tonic::{Code, Status};

use crate::support::{InProcess, http::metric, request};

#[tokio::test]
async fn a_panicking_handler_is_an_internal_error_and_its_connection_lives_on() {
    let server = InProcess::start(&[]).await;
    let mut client = server.stub().await;
    let status = client.unary(request("panic")).await.unwrap_err();
    assert_internal(&status);
    client.unary(request("reply")).await.unwrap();
}

#[tokio::test]
async fn a_panicking_stream_ends_in_an_internal_error_and_its_connection_lives_on() {
    let server = InProcess::start(&[]).await;
    let mut client = server.stub().await;
    let response = client.server_stream(request("reply wait panic")).await;
    let mut stream = response.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    server.waiting(1).await;
    server.release(1);
    assert_internal(&stream.message().await.unwrap_err());
    client.unary(request("reply")).await.unwrap();
}

/// It says nothing of what happened.
#[track_caller]
fn assert_internal(status: &Status) {
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(status.message(), "internal error");
}

#[tokio::test]
async fn a_panic_is_counted_and_logged_with_place_and_backtrace() {
    // Besides the hook that shows why other tests of this process fail.
    let shown = panic::take_hook();
    panics::install();
    let logged = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        logged(panic);
        shown(panic);
    }));
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // All tests of this process log to it, but only this one reads it.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = InProcess::start(&[]).await;
    let before = metric(&server.admin, "panics_total").await.unwrap();
    server
        .stub()
        .await
        .unary(request("panic"))
        .await
        .unwrap_err();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    // That of another test, which panics in the same place, will do as well.
    let (_, panic) = log.split_once("Panic: the password is 1234").unwrap();
    let (line, _) = panic.split_once('\n').unwrap();
    assert!(line.contains("location="), "{line}");
    assert!(line.contains("tests/it/scripted/words.rs:"), "{line}");
    assert!(line.contains("backtrace="), "{line}");
    assert!(metric(&server.admin, "panics_total").await.unwrap() > before);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
