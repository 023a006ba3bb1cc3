//! A sink of the log: lines wait in memory, and a thread of its own writes them.
//!
//! Nobody who logs waits for a terminal, a pipe or a disk. Where lines come faster
//! than they are taken, those that find no room are lost, counted, and told of once
//! that is over.

use std::{
    io, mem,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};

use tracing::{error, info, warn};

use super::output::{Lost, Output, count};

/// Bytes that may wait: some thousand lines, a second of a busy service at debug.
const ROOM: usize = 1 << 20;

/// Bytes of memory to keep while there is little to write.
const KEPT: usize = 16 * 1024;

/// Where lines wait to be written.
pub(super) struct Sink {
    /// What it is called in the metrics.
    pub(super) label: &'static str,
    waiting: Mutex<Waiting>,
    /// There are lines to write, or a file to reopen.
    more: Condvar,
    /// All lines are written.
    done: Condvar,
    lost: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines are being written.
    writing: bool,
    /// The file is to be opened anew.
    reopen: bool,
}

impl Sink {
    /// A sink that writes to `output` as long as the process lives.
    pub(super) fn start(label: &'static str, output: Output) -> io::Result<Arc<Self>> {
        let sink = Arc::new(Self {
            label,
            waiting: Mutex::default(),
            more: Condvar::new(),
            done: Condvar::new(),
            lost: AtomicU64::new(0),
        });
        let own = sink.clone();
        let writer = Writer {
            output,
            told: 0,
            trouble: None,
        };
        let thread = thread::Builder::new().name(format!("log-{label}"));
        thread.spawn(move || own.write(writer))?;
        Ok(sink)
    }

    /// Takes whole lines; those that find no room are lost.
    fn add(&self, lines: &[u8]) {
        let mut waiting = self.waiting();
        // One that is longer than all the room passes where nothing else waits.
        if waiting.lines.is_empty() || waiting.lines.len() + lines.len() <= ROOM {
            waiting.lines.extend_from_slice(lines);
            drop(waiting);
            self.more.notify_one();
        } else {
            self.lost.fetch_add(count(lines), Relaxed);
        }
    }

    /// Lines that were not written so far.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    /// Has the file opened anew, once what waits is written.
    pub(super) fn reopen(&self) {
        self.waiting().reopen = true;
        self.more.notify_one();
    }

    /// Waits until all lines are written, but no longer than `until`.
    pub(super) fn flush(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        let unwritten = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        let waited = self
            .done
            .wait_timeout_while(self.waiting(), left, unwritten);
        drop(waited);
    }

    fn write(&self, mut writer: Writer) {
        let mut lines = Vec::new();
        loop {
            let reopen = self.next(&mut lines);
            if let Err(Lost { reason, lines }) = writer.output.write(&lines) {
                self.lost.fetch_add(lines, Relaxed);
                writer.fails(&reason);
            } else if !lines.is_empty() && self.waiting().lines.is_empty() {
                writer.works(self.lost());
            }
            lines.clear();
            lines.shrink_to(KEPT);
            if reopen {
                writer.reopen();
            }
        }
    }

    /// Waits for lines to write, which replace `lines`; says whether the file is to be
    /// reopened behind them.
    fn next(&self, lines: &mut Vec<u8>) -> bool {
        let mut waiting = self.waiting();
        waiting.writing = false;
        self.done.notify_all();
        while waiting.lines.is_empty() && !waiting.reopen {
            let woken = self.more.wait(waiting);
            waiting = woken.unwrap_or_else(PoisonError::into_inner);
        }
        waiting.writing = true;
        mem::swap(&mut waiting.lines, lines);
        mem::take(&mut waiting.reopen)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes to several sinks at once: the same lines in the same order, whoever logs.
pub(super) struct Tee(Mutex<Vec<Arc<Sink>>>);

impl Tee {
    /// One that `tracing_subscriber` takes.
    pub(super) fn new(sinks: &[Arc<Sink>]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(sinks.to_vec())))
    }
}

impl io::Write for &Tee {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The file first: whoever has read a line on stderr finds it there, even across a SIGHUP.
        for sink in sinks.iter().rev() {
            sink.add(lines);
        }
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the thread of a sink knows. It logs itself, to its own sink as to the others.
struct Writer {
    output: Output,
    /// Lost lines that were told of.
    told: u64,
    /// Why writing fails.
    trouble: Option<String>,
}

impl Writer {
    fn fails(&mut self, reason: &io::Error) {
        if self.trouble.is_none() {
            // Whoever reads another sink is to know that this one is no good.
            warn!("Can't write the log to {}: {reason}", self.output.name());
        }
        self.trouble = Some(reason.to_string());
    }

    /// It works, and has caught up; so far, so many lines were `lost`.
    fn works(&mut self, lost: u64) {
        let reason = self.trouble.take();
        let lines = lost - self.told;
        if lines > 0 {
            self.told = lost;
            let reason = reason.unwrap_or_else(|| "it was not read in time".into());
            let name = self.output.name();
            warn!("{lines} lines of the log to {name} were lost: {reason}");
        }
    }

    fn reopen(&mut self) {
        let name = self.output.name();
        match self.output.reopen() {
            Ok(true) => info!("Reopened {name}"),
            Ok(false) => {}
            Err(error) => error!("Can't reopen {name}, staying with the old: {error}"),
        }
    }
}
