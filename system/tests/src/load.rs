//! Many calls at once, counted by what became of them. Whoever wants to know names the states that the
//! system goes through meanwhile.

use std::{
    collections::BTreeMap,
    fmt, slice,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tokio::{task::JoinSet, time::interval};

use crate::{
    call::{Call, Failure},
    system::System,
};

/// How many callers there are. Each makes a call only after the one before has ended.
const CALLERS: u32 = 16;

/// The callers, at work until this is dropped.
pub struct Load {
    shared: Arc<Shared>,
    _callers: JoinSet<()>,
}

struct Shared {
    system: System,
    calls: Vec<Call>,
    number: AtomicU64,
    state: Mutex<State>,
}

/// What became of the calls since the system was brought into some state.
pub struct State {
    /// What the state is called.
    pub name: String,
    /// How many calls have ended.
    pub calls: u64,
    began: Instant,
    last_failure: Option<Instant>,
    failures: BTreeMap<String, Kind>,
    times: Vec<Duration>,
}

/// Calls that failed alike.
struct Kind {
    times: u64,
    /// One of them tells more.
    example: String,
    /// The services that they called, or passed through.
    touched: Vec<String>,
}

impl Load {
    /// Makes all calls of `system` in turn, so many a second, or as many as go where that is none.
    #[must_use]
    pub fn begin(system: System, calls: Vec<Call>, per_second: Option<u32>, state: &str) -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let shared = Arc::new(Shared {
            system,
            calls,
            // No number is used again by the next load, unless that comes within a microsecond a call.
            number: AtomicU64::new(u64::try_from(since_epoch.as_micros()).unwrap_or_default()),
            state: Mutex::new(State::new(state)),
        });
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            callers.spawn(
                Arc::clone(&shared)
                    .call_on(per_second.map(|rate| Duration::from_secs(1) * CALLERS / rate)),
            );
        }
        Self {
            shared,
            _callers: callers,
        }
    }

    /// How many calls have ended since the present state began.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.shared.state().calls
    }

    /// Whether no call has failed for `quiet`, or the present state has lasted for `patience`.
    #[must_use]
    pub fn has_settled(&self, quiet: Duration, patience: Duration) -> bool {
        let state = self.shared.state();
        let last = state.last_failure.unwrap_or(state.began);
        last.elapsed() >= quiet || state.began.elapsed() >= patience
    }

    /// What became of the calls until now; those that end from now on are counted for the state `next`.
    #[must_use]
    pub fn enter(&self, next: &str) -> State {
        std::mem::replace(&mut *self.shared.state(), State::new(next))
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A count is a count, whoever panicked beside it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call_on(self: Arc<Self>, pause: Option<Duration>) {
        let mut pace = pause.map(interval);
        loop {
            if let Some(pace) = &mut pace {
                pace.tick().await;
            } else {
                tokio::task::yield_now().await;
            }
            let number = self.number.fetch_add(1, Relaxed);
            let turn = usize::try_from(number).unwrap_or_default() % self.calls.len();
            let call = &self.calls[turn];
            let began = Instant::now();
            let outcome = match self.system.connection(&call.service).await {
                Some(connection) => call.make(connection, number).await,
                None => Err(Failure::Lost(tonic::Status::unavailable(
                    "no instance takes calls",
                ))),
            };
            self.state().count(call, began, outcome);
        }
    }
}

impl State {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            calls: 0,
            began: Instant::now(),
            last_failure: None,
            failures: BTreeMap::new(),
            times: vec![],
        }
    }

    fn count(&mut self, call: &Call, began: Instant, outcome: Result<(), Failure>) {
        self.calls += 1;
        self.times.push(began.elapsed());
        if let Err(failure) = outcome {
            self.last_failure = Some(Instant::now());
            let kind = format!("{}.{}: {}", call.service, call.name, failure.kind());
            let seen = self.failures.entry(kind);
            let kind = seen.or_insert_with(|| Kind {
                times: 0,
                example: failure.to_string(),
                touched: [slice::from_ref(&call.service), &call.through].concat(),
            });
            kind.times += 1;
        }
    }

    /// How many calls failed in a way for which `of_this_kind` holds.
    fn failed(&self, of_this_kind: impl Fn(&str) -> bool) -> u64 {
        let counted = self.failures.iter();
        let counted = counted.filter(|(kind, _)| of_this_kind(kind));
        counted.map(|(_, kind)| kind.times).sum()
    }

    /// How many failed that have nothing to do with `service`.
    #[must_use]
    pub fn failed_without(&self, service: &str) -> u64 {
        let kinds = self.failures.values();
        let others = kinds.filter(|kind| !kind.touched.iter().any(|it| it == service));
        others.map(|kind| kind.times).sum()
    }

    /// How many got a wrong answer, or no end at all.
    #[must_use]
    pub fn wrong(&self) -> u64 {
        self.failed(|kind| kind.ends_with("wrong answer") || kind.ends_with("hung"))
    }

    /// How many got no answer.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.failed(|_| true) - self.wrong()
    }

    /// How long after its beginning the last call failed.
    #[must_use]
    pub fn until_well(&self) -> Duration {
        let last = self.last_failure.map(|last| last - self.began);
        last.unwrap_or_default()
    }

    /// How many calls ended in a second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        let calls = u32::try_from(self.calls).unwrap_or(u32::MAX);
        f64::from(calls) / self.began.elapsed().as_secs_f64()
    }

    /// The time that so many of a hundred calls did not take longer than.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = times.len() * percent / 100;
        let at = at.min(times.len().saturating_sub(1));
        times.get(at).copied().unwrap_or_default()
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, calls, .. } = self;
        let (lost, wrong) = (self.lost(), self.wrong());
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let (p50, p99) = (millis(self.percentile(50)), millis(self.percentile(99)));
        write!(
            formatter,
            "{name:<32} {calls:>7} calls {lost:>5} lost {wrong:>4} wrong   p50 {p50:>6.1} ms   p99 {p99:>6.1} ms"
        )?;
        if self.last_failure.is_some() {
            let well = self.until_well().as_secs_f64();
            write!(formatter, "   the last failed after {well:.1} s")?;
        }
        for (kind, Kind { times, example, .. }) in &self.failures {
            let call = kind.rsplit_once(": ").map_or("", |(call, _)| call);
            write!(formatter, "\n  {times} × {call}: {example}")?;
        }
        Ok(())
    }
}
