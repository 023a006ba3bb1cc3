//! The signals that end the process, and the one that does not.

use std::{future::Future, io, process, thread, time::Duration};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tracing::{error, info, warn};

use crate::{lifecycle::Shutdown, telemetry::log};

/// Resolves at the first SIGTERM or SIGINT. A second one ends the process at once.
///
/// Listens from the moment it is called until the process ends, in a thread and a runtime
/// of its own: handlers may block the threads of the service's.
pub fn shutdown() -> io::Result<impl Future<Output = Shutdown>> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let context = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    drop(context);
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => Shutdown::Orchestrator,
            _ = interrupt.recv() => Shutdown::Terminal,
        }
    };
    let (tell, first) = oneshot::channel();
    let listen = async move {
        let signal = next().await;
        info!("Stopping; a second signal ends the process at once");
        // Fails where the service has ended meanwhile.
        let _ = tell.send(signal);
        next().await;
        warn!("Second signal: exiting at once");
        exit()
    };
    let name = thread::Builder::new().name("signals".into());
    name.spawn(move || runtime.block_on(listen))?;
    Ok(async {
        first
            .await
            .expect("the thread listens until the process ends")
    })
}

/// Ends the process after `time`, if it hasn't ended by then: handlers and tasks that block
/// all threads would keep even the drain from coming to its timeout.
pub fn exit_after(time: Duration) -> io::Result<()> {
    let watchdog = thread::Builder::new().name("watchdog".into());
    watchdog.spawn(move || {
        thread::sleep(time);
        error!("The drain has not ended in time: is every thread blocked? Exiting at once");
        exit()
    })?;
    Ok(())
}

fn exit() -> ! {
    log::flush();
    process::exit(1)
}

/// Has `reload` called at each SIGHUP, which ends the process otherwise: the word of
/// old for a daemon to look at its files again. Others may listen to it besides.
///
/// Listens from the moment it is called, in the runtime that it is called in.
pub fn on_hangup(reload: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            reload();
        }
    });
    Ok(())
}
