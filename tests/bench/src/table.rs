//! The figures, what they ought to be, and the table of both.

use std::collections::BTreeMap;

/// A figure: its name, its unit, what it ought to be.
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    pub goals: &'static [Goal],
}

/// A bound of the service's figure.
pub struct Goal {
    pub against: Against,
    pub bound: Bound,
}

/// What the figure is divided by before it is held against the bound.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Against {
    Nothing,
    Server(&'static str),
}

#[derive(Clone, Copy)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

pub const SERVICE: &str = "service";
pub const BARE: &str = "bare tonic";
pub const GO: &str = "grpc-go";
pub const OFF: &str = "all off";

pub const CRATES: &str = "crates compiled";
pub const CLEAN_BUILD: &str = "clean release build";
pub const EDIT_BUILD: &str = "debug build after an edit";

const fn to_bare(bound: Bound) -> Goal {
    Goal {
        against: Against::Server(BARE),
        bound,
    }
}

const fn to_go(bound: Bound) -> Goal {
    Goal {
        against: Against::Server(GO),
        bound,
    }
}

const fn to_off(bound: Bound) -> Goal {
    Goal {
        against: Against::Server(OFF),
        bound,
    }
}

const fn absolute(bound: Bound) -> Goal {
    Goal {
        against: Against::Nothing,
        bound,
    }
}

const fn figure(name: &'static str, unit: &'static str, goals: &'static [Goal]) -> Figure {
    Figure { name, unit, goals }
}

/// All figures, as the table shows them.
pub const FIGURES: &[Figure] = &[
    figure("time, 1 × 1", "µs", &[]),
    figure("time, 1 × 100", "µs", &[]),
    figure("time, 10 × 10", "µs", &[]),
    figure("RPC/s, 1 × 1", "k/s", &[]),
    figure("RPC/s, 1 × 100", "k/s", &[]),
    figure(
        "RPC/s, 10 × 10",
        "k/s",
        &[to_bare(AtLeast(1.8)), to_go(AtLeast(2.5))],
    ),
    figure(
        "server CPU, 1 × 1",
        "µs",
        &[to_bare(AtMost(0.9)), to_go(AtMost(0.55))],
    ),
    figure("server CPU, 1 × 100", "µs", &[]),
    figure(
        "server CPU, 10 × 10",
        "µs",
        &[to_bare(AtMost(0.55)), to_go(AtMost(0.35))],
    ),
    figure(
        "p50, 1 × 1",
        "µs",
        &[to_bare(AtMost(1.0)), to_go(AtMost(0.75))],
    ),
    figure(
        "p99, 1 × 1",
        "µs",
        &[to_bare(AtMost(1.0)), to_go(AtMost(0.75))],
    ),
    figure("p50, 1 × 100", "µs", &[]),
    figure("p99, 1 × 100", "µs", &[]),
    figure("p50, 10 × 10", "µs", &[]),
    figure("p99, 10 × 10", "µs", &[]),
    figure("instructions, 1 × 1", "k", &[]),
    figure("instructions, 1 × 50", "k", &[to_off(AtMost(1.1))]),
    figure("writes, 1 × 1", "", &[absolute(AtMost(1.05))]),
    figure("writes, 1 × 50", "", &[absolute(AtMost(0.4))]),
    figure(
        "memory idle",
        "MB",
        &[to_bare(AtMost(2.0)), to_go(AtMost(0.8))],
    ),
    figure(
        "memory after load",
        "MB",
        &[to_bare(AtMost(1.5)), to_go(AtMost(1.0))],
    ),
    figure(
        "memory, idle connection",
        "KB",
        &[to_bare(AtMost(1.0)), to_go(AtMost(1.0))],
    ),
    figure("memory after 1000 of them", "MB", &[to_bare(AtMost(2.0))]),
    figure(
        "start to first answer",
        "ms",
        &[to_bare(AtMost(2.0)), to_go(AtMost(1.0))],
    ),
    figure("binary", "MB", &[absolute(AtMost(8.0)), to_go(AtMost(0.8))]),
    figure(CRATES, "", &[]),
    figure(CLEAN_BUILD, "s", &[]),
    figure(EDIT_BUILD, "s", &[]),
];

/// What was measured, a value for each round.
#[derive(Default)]
pub struct Results(BTreeMap<(&'static str, String), Vec<f64>>);

impl Results {
    /// Adds a value of `figure` for `server`.
    pub fn add(&mut self, server: &'static str, figure: &str, value: f64) {
        debug_assert!(FIGURES.iter().any(|known| known.name == figure), "{figure}");
        self.0
            .entry((server, figure.into()))
            .or_default()
            .push(value);
    }

    fn of(&self, server: &'static str, figure: &str) -> Option<&[f64]> {
        Some(self.0.get(&(server, figure.to_owned()))?)
    }

    /// Ratios of each round: the middle one, the least, the greatest.
    fn ratio(&self, figure: &str, to: &'static str) -> Option<[f64; 3]> {
        let (ours, theirs) = (self.of(SERVICE, figure)?, self.of(to, figure)?);
        Some(spread(ours.iter().zip(theirs).map(|(a, b)| a / b)))
    }

    /// Prints the table, with each goal and whether it is met.
    pub fn print(&self) {
        println!(
            "| {:28} | {SERVICE:>8} | {BARE:>10} | {GO:>8} | {OFF:>8} | {:19} | {:19} | {:19} | goals",
            "per RPC", "to bare tonic", "to grpc-go", "to all off"
        );
        let lines = [30, 10, 12, 10, 10, 21, 21, 21, 7].map(|width| "-".repeat(width));
        println!("|{}|", lines.join("|"));
        let (mut met, mut missed) = (0, 0);
        for figure in FIGURES {
            let [ours, bare, go, off] = [SERVICE, BARE, GO, OFF].map(|server| {
                self.of(server, figure.name).map_or_else(
                    || "–".into(),
                    |values| number(spread(values.iter().copied())[0]),
                )
            });
            let [to_bare, to_go, to_off] = [BARE, GO, OFF].map(|server| {
                self.ratio(figure.name, server)
                    .map_or_else(String::new, |[middle, least, most]| {
                        format!("{middle:.2} ({least:.2}–{most:.2})")
                    })
            });
            let goals: Vec<_> = figure
                .goals
                .iter()
                .map(|goal| {
                    let outcome = match self.is_met(figure.name, goal) {
                        Some(true) => {
                            met += 1;
                            "met"
                        }
                        Some(false) => {
                            missed += 1;
                            "MISSED"
                        }
                        None => "not measured",
                    };
                    format!("{goal}: {outcome}")
                })
                .collect();
            let name = format!("{} {}", figure.name, figure.unit);
            println!(
                "| {name:28} | {ours:>8} | {bare:>10} | {go:>8} | {off:>8} | {to_bare:19} | {to_go:19} | {to_off:19} | {} |",
                goals.join("; ")
            );
        }
        println!("\nRatios are medians of the rounds, with the least and the greatest.");
        println!("Goals: {met} met, {missed} missed.");
    }

    /// Whether a goal is met; unknown where nothing was measured.
    fn is_met(&self, figure: &str, goal: &Goal) -> Option<bool> {
        let found = match goal.against {
            Against::Nothing => spread(self.of(SERVICE, figure)?.iter().copied())[0],
            Against::Server(to) => self.ratio(figure, to)?[0],
        };
        Some(match goal.bound {
            AtLeast(least) => found >= least,
            AtMost(most) => found <= most,
        })
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.against {
            Against::Nothing => self.bound.fmt(f),
            Against::Server(server) => write!(f, "{} of {server}", self.bound),
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AtLeast(least) => write!(f, "≥ {least:.2}"),
            AtMost(most) => write!(f, "≤ {most:.2}"),
        }
    }
}

/// The median, the least and the greatest.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let median = f64::midpoint(values[(n - 1) / 2], values[n / 2]);
    [median, values[0], values[n - 1]]
}

fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
