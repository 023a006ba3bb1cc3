//! Keeps what is in files up to date without a restart: reads them again when they
//! change, and on SIGHUP.

use std::{io, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::sleep,
};
use tracing::{error, info};

use crate::file;

/// Files, and what is made of them.
pub(crate) trait Source: Send + 'static {
    /// What the files hold.
    type Content: PartialEq + Send;
    /// What is made of it.
    type Loaded: Send + Sync + 'static;

    /// Their name in the log, as in "the TLS files".
    const NAME: &'static str;

    /// Reads the files.
    fn read(&self) -> Result<Self::Content, file::Error>;

    /// Makes of `content`, which was read from these files, what it is for.
    fn load(&self, content: &Self::Content) -> Result<Self::Loaded, file::Error>;
}

/// The word to look at files again.
pub(crate) fn hangup() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Loads `source`, now, whenever its files change, and on `hangup`. What is broken is
/// logged, and what was before stays in use. An interval of zero is never.
pub(crate) fn watch<S: Source>(
    source: S,
    interval: Duration,
    hangup: Signal,
) -> Result<watch::Receiver<S::Loaded>, file::Error> {
    let content = source.read()?;
    let (sender, receiver) = watch::channel(source.load(&content)?);
    tokio::spawn(follow(source, content, interval, hangup, sender));
    Ok(receiver)
}

async fn follow<S: Source>(
    source: S,
    loaded: S::Content,
    interval: Duration,
    mut hangup: Signal,
    current: watch::Sender<S::Loaded>,
) {
    let mut seen = Some(loaded);
    loop {
        let asked = tokio::select! {
            _ = hangup.recv() => true,
            () = sleep(interval), if !interval.is_zero() => false,
            () = current.closed() => return,
        };
        // What the files hold, and not when they were written: that alone is
        // the same for an edit, a rename and the swap of a symbolic link.
        let outcome = match source.read() {
            Ok(content) if !asked && seen.as_ref() == Some(&content) => continue,
            Err(_) if !asked && seen.is_none() => continue,
            Ok(content) => {
                let outcome = source.load(&content);
                seen = Some(content);
                outcome
            }
            Err(error) => {
                seen = None;
                Err(error)
            }
        };
        let name = S::NAME;
        match outcome {
            Ok(new) => {
                current.send_replace(new);
                info!("Reloaded {name}");
            }
            Err(error) => error!("Can't reload {name}, staying with the old: {error}"),
        }
    }
}
