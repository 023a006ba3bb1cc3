//! Work beside RPCs, and streams, when the service stops.

use chassis::{
    lifecycle::{Shutdown, State},
    server::Rpcs,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    contract::{SCRIPTED, test::v1::scripted_server::ScriptedServer},
    support::{InProcess, request, running, start},
};

#[tokio::test]
async fn tasks_are_told_of_the_drain_which_waits_for_them() {
    let server = InProcess::start(&["--drain-timeout", "1h"]).await;
    let lifecycle = server.lifecycle.clone();
    let stopping = lifecycle.tasks().stopping();
    let (told, is_told) = oneshot::channel();
    let (go_on, may_end) = oneshot::channel::<()>();
    lifecycle.tasks().spawn("thorough", async move {
        stopping.cancelled().await;
        told.send(()).unwrap();
        may_end.await.unwrap();
    });
    let stopped = tokio::spawn(server.stop(Shutdown::Terminal));
    is_told.await.unwrap();
    assert_eq!(lifecycle.state(), State::Stopping);
    go_on.send(()).unwrap();
    stopped.await.unwrap();
    assert_eq!(lifecycle.state(), State::Stopped);
}

#[tokio::test]
async fn a_task_is_told_once_load_balancers_have_looked_away() {
    let server = InProcess::start(&["--drain-delay", "1h"]).await;
    let lifecycle = server.lifecycle.clone();
    let stopping = lifecycle.tasks().stopping();
    let stop = tokio::spawn(server.stop(Shutdown::Orchestrator));
    lifecycle.reached(State::Stopping).await;
    // One more turn of the server, which is in its delay now.
    tokio::task::yield_now().await;
    assert!(!stopping.is_cancelled());
    stop.abort();
}

#[tokio::test]
async fn a_queue_that_rpcs_fill_is_emptied_before_the_service_has_stopped() {
    let (orders, mut queue) = mpsc::channel(10);
    let server = InProcess::serving(InProcess::settings(&[]), "scripted", move |scripted| {
        let guard = move |request| {
            orders.try_send(()).unwrap();
            Ok(request)
        };
        Rpcs::new().with(SCRIPTED, ScriptedServer::with_interceptor(scripted, guard))
    })
    .await;
    let lifecycle = server.lifecycle.clone();
    let (count, counted) = oneshot::channel();
    lifecycle.tasks().spawn("shipping", async move {
        let mut orders = 0;
        while queue.recv().await.is_some() {
            orders += 1;
        }
        count.send(orders).unwrap();
    });
    let mut client = server.stub().await;
    let call = tokio::spawn(async move { client.unary(request("wait")).await });
    server.waiting(1).await;
    server.release(1);
    call.await.unwrap().unwrap();
    server.stop(Shutdown::Terminal).await;
    assert_eq!(counted.await.unwrap(), 1);
}

#[tokio::test]
async fn a_stream_can_end_in_order_when_the_service_stops() {
    let server = InProcess::start(&["--drain-timeout", "1h"]).await;
    let mut client = server.stub().await;
    let response = client.server_stream(request("reply stopping reply=3"));
    let mut stream = response.await.unwrap().into_inner();
    stream.message().await.unwrap().unwrap();
    let stopped = tokio::spawn(server.stop(Shutdown::Terminal));
    assert_eq!(stream.message().await.unwrap().unwrap().payload, "xxx");
    assert!(stream.message().await.unwrap().is_none());
    stopped.await.unwrap();
}

#[test]
fn a_panic_of_a_task_is_told_and_the_service_goes_on() {
    let mut service = running(&["--task", "panics", "--drain-delay", "0s"]);
    service.wait_for("Panic: it slipped");
    service.wait_for("ERROR The task \"clumsy\" has panicked; the service goes on without it");
    service.signal("TERM");
    let (exit, _) = service.wait();
    assert_eq!(exit.code(), Some(0));
}

#[test]
fn without_a_task_that_it_needs_the_service_stops() {
    let cases = [
        ("essential-panics", "\"clumsy\"", "panicked"),
        ("essential-ends", "\"short\"", "ended"),
    ];
    for (task, name, end) in cases {
        let (exit, log) = start(&["--task", task, "--drain-delay", "0s"]).wait();
        assert_eq!(exit.code(), Some(1), "{log:#?}");
        let reason = format!("the task {name}, which the service can't do without, has {end}");
        let told = log.iter().position(|line| line.contains(&reason));
        let stopping = log.iter().position(|line| line.contains("STATE Stopping"));
        assert!(told.is_some() && told < stopping, "{log:#?}");
        assert!(log.last().unwrap().ends_with("STATE Error"), "{log:#?}");
    }
}

#[test]
fn a_task_may_finish_what_it_does() {
    let service = running(&["--task", "lingers", "--drain-delay", "0s"]);
    service.signal("TERM");
    let (exit, log) = service.wait();
    assert_eq!(exit.code(), Some(0));
    let [.., done, stopped] = &log[..] else {
        panic!("{log:?}")
    };
    assert!(done.contains("All is put away"), "{done}");
    assert!(stopped.ends_with("STATE Stopped"), "{stopped}");
}

#[test]
fn a_task_that_lingers_is_left_at_the_drain_timeout_and_named() {
    let flags = ["--drain-delay", "0s", "--drain-timeout", "0s"];
    let service = running(&[&["--task", "lingers"][..], &flags].concat());
    service.signal("TERM");
    let (exit, log) = service.wait();
    assert_eq!(exit.code(), Some(0));
    let warning = "Drain timeout: these tasks have not ended: thorough";
    assert!(log.iter().any(|line| line.contains(warning)), "{log:#?}");
}

#[test]
fn a_second_signal_is_heeded_however_busy_all_threads_are() {
    let mut service = start(&["--task", "blocks", "--drain-timeout", "1h"]);
    service.wait_for("All threads are taken");
    service.signal("INT");
    service.wait_for("a second signal ends the process at once");
    service.signal("INT");
    let (exit, _) = service.wait();
    assert_eq!(exit.code(), Some(1));
}

#[test]
fn a_drain_that_blocked_threads_keep_from_its_timeout_ends_the_process() {
    let mut service = start(&["--task=blocks", "--drain-delay=0s", "--drain-timeout=0s"]);
    service.wait_for("All threads are taken");
    service.signal("TERM");
    let (exit, log) = service.wait();
    assert_eq!(exit.code(), Some(1));
    let reason = "ERROR The drain has not ended in time: is every thread blocked? Exiting at once";
    assert!(log.last().unwrap().ends_with(reason), "{log:#?}");
}
