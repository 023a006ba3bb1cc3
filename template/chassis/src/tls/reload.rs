//! Keeps the TLS files up to date without a restart: reads them again when they
//! change, and on SIGHUP.

use std::time::Duration;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::sleep,
};
use tracing::{error, info};

use super::{
    Error,
    files::{Files, Identity, Pems},
};

/// Loads `files`, now and whenever they change. What is broken is logged, and
/// the identity before stays in use.
pub(super) fn watch(files: Files, interval: Duration) -> Result<watch::Receiver<Identity>, Error> {
    let hangup = signal(SignalKind::hangup())?;
    let pems = files.read()?;
    let (sender, receiver) = watch::channel(files.load(&pems)?);
    tokio::spawn(follow(files, pems, interval, hangup, sender));
    Ok(receiver)
}

async fn follow(
    files: Files,
    loaded: Pems,
    interval: Duration,
    mut hangup: Signal,
    identity: watch::Sender<Identity>,
) {
    let mut seen = Some(loaded);
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            () = sleep(interval), if !interval.is_zero() => false,
            () = identity.closed() => return,
        };
        // What the files hold, and not when they were written: that alone is
        // the same for an edit, a rename and the swap of a symbolic link.
        let outcome = match files.read() {
            Ok(pems) if !asked && seen.as_ref() == Some(&pems) => continue,
            Err(_) if !asked && seen.is_none() => continue,
            Ok(pems) => {
                let outcome = files.load(&pems);
                seen = Some(pems);
                outcome
            }
            Err(error) => {
                seen = None;
                Err(error)
            }
        };
        match outcome {
            Ok(new) => {
                identity.send_replace(new);
                info!("Reloaded the TLS files");
            }
            Err(error) => error!("Can't reload the TLS files, staying with the old: {error}"),
        }
    }
}
