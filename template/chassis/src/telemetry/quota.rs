//! A bound for the lines that strangers cause: whoever reaches the port could fill a
//! disk with warnings otherwise.
//!
//! Of each kind so many lines are written in an interval, and at its end one that says
//! how many were left out.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};
use tracing::warn;

static ALL: Quotas = Quotas::new(10, Duration::from_mins(1));

/// Whether one more line of this `kind` may be written. It is counted where not: log it
/// at debug then, whose readers want everything.
pub(crate) fn allows(kind: &'static str) -> bool {
    ALL.allows(kind)
}

/// Tells of what was left out so far, before the process ends.
pub(crate) fn settle() {
    ALL.settle();
}

struct Quotas {
    /// Lines of each kind in an interval.
    lines: u32,
    interval: Duration,
    kinds: Mutex<BTreeMap<&'static str, Count>>,
}

struct Count {
    ends: Instant,
    written: u32,
    left_out: u64,
}

impl Quotas {
    const fn new(lines: u32, interval: Duration) -> Self {
        Self {
            lines,
            interval,
            kinds: Mutex::new(BTreeMap::new()),
        }
    }

    fn allows(&'static self, kind: &'static str) -> bool {
        let now = Instant::now();
        // Where no timer could be set, it is told of by the first line of a later interval.
        self.tell(|at, count| at == kind && count.ends <= now);
        let mut kinds = self.kinds();
        let count = kinds.entry(kind).or_insert(Count {
            ends: now + self.interval,
            written: 0,
            left_out: 0,
        });
        if count.written < self.lines {
            count.written += 1;
            return true;
        }
        count.left_out += 1;
        if count.left_out == 1
            && let Ok(runtime) = Handle::try_current()
        {
            let ends = count.ends;
            runtime.spawn(async move {
                sleep_until(ends).await;
                self.tell(|at, count| at == kind && count.ends <= ends);
            });
        }
        false
    }

    fn settle(&self) {
        self.tell(|_, _| true);
    }

    /// Ends the intervals that are `over`, and tells of them.
    fn tell(&self, over: impl Fn(&str, &Count) -> bool) {
        let ended: Vec<_> = self
            .kinds()
            .extract_if(.., |kind, count| over(kind, count))
            .collect();
        // Without the lock, since a log may do anything.
        for (kind, Count { left_out, .. }) in ended {
            if left_out > 0 {
                let interval = self.interval;
                warn!(kind, "{left_out} more like this within {interval:?}");
            }
        }
    }

    fn kinds(&self) -> MutexGuard<'_, BTreeMap<&'static str, Count>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::mpsc};

    use super::*;

    #[derive(Clone)]
    struct Lines(mpsc::Sender<String>);

    impl io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0
                .send(String::from_utf8_lossy(line).into_owned())
                .unwrap();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Has the lines of this thread sent to where they are to be received.
    fn logged() -> (tracing::subscriber::DefaultGuard, mpsc::Receiver<String>) {
        let (sender, lines) = mpsc::channel();
        let writer = Lines(sender);
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .finish();
        (tracing::subscriber::set_default(subscriber), lines)
    }

    #[tokio::test]
    async fn what_is_left_out_is_told_at_the_end_of_the_interval() {
        const INTERVAL: Duration = Duration::from_millis(200);
        static QUOTAS: Quotas = Quotas::new(2, INTERVAL);
        let (_guard, lines) = logged();
        let start = Instant::now();
        let allowed: Vec<_> = (0..5).map(|_| QUOTAS.allows("garbage")).collect();
        assert_eq!(allowed, [true, true, false, false, false]);
        assert!(QUOTAS.allows("tls"), "each kind for itself");
        let line = loop {
            match lines.try_recv() {
                Ok(line) => break line,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        assert!(start.elapsed() >= INTERVAL);
        assert!(
            line.contains("3 more like this within 200ms kind=\"garbage\""),
            "{line}"
        );
        assert!(QUOTAS.allows("garbage"), "a new interval");
        QUOTAS.settle();
        assert_eq!(lines.try_recv().ok(), None, "nothing to tell of");
    }

    #[test]
    fn without_a_timer_it_is_told_before_the_next_line_or_at_the_end() {
        static QUOTAS: Quotas = Quotas::new(1, Duration::ZERO);
        static ENDLESS: Quotas = Quotas::new(1, Duration::from_hours(1));
        let (_guard, lines) = logged();
        // The interval is over at once: nothing is ever left out.
        assert!(QUOTAS.allows("panic") && QUOTAS.allows("panic"));
        assert!(ENDLESS.allows("panic") && !ENDLESS.allows("panic"));
        assert_eq!(lines.try_recv().ok(), None);
        ENDLESS.settle();
        assert!(lines.recv().unwrap().contains("1 more like this"));
    }
}
