//! The figures, what they ought to be, and the table of both.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

/// What is compared with what, and by which figures.
pub struct Table {
    pub title: &'static str,
    /// Whose figures are to be judged.
    pub subject: &'static str,
    pub others: &'static [&'static str],
    pub figures: &'static [Figure],
}

/// A figure: its name, its unit, what it ought to be.
pub struct Figure {
    pub name: &'static str,
    pub unit: &'static str,
    pub goals: &'static [Goal],
}

/// A bound of the subject's figure.
pub struct Goal {
    against: Against,
    bound: Bound,
}

/// What the figure is divided by before it is held against the bound.
#[derive(Clone, Copy)]
enum Against {
    Nothing,
    Other(&'static str),
}

#[derive(Clone, Copy)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

/// A bound of the ratio to `other`.
pub const fn to(other: &'static str, bound: Bound) -> Goal {
    Goal {
        against: Against::Other(other),
        bound,
    }
}

/// A bound of the figure itself.
pub const fn absolute(bound: Bound) -> Goal {
    Goal {
        against: Against::Nothing,
        bound,
    }
}

pub const fn figure(name: &'static str, unit: &'static str, goals: &'static [Goal]) -> Figure {
    Figure { name, unit, goals }
}

/// What was measured, a value for each round.
pub struct Results {
    table: &'static Table,
    values: BTreeMap<(&'static str, String), Vec<f64>>,
}

/// How many goals were met, and how many missed.
#[derive(Default)]
pub struct Tally {
    pub met: usize,
    pub missed: usize,
}

impl Results {
    pub fn new(table: &'static Table) -> Self {
        Self {
            table,
            values: BTreeMap::new(),
        }
    }

    /// Adds a value of `figure` for `of`.
    pub fn add(&mut self, of: &'static str, figure: &str, value: f64) {
        let known = self.table.figures.iter().any(|known| known.name == figure);
        debug_assert!(known, "{figure}");
        let values = self.values.entry((of, figure.into())).or_default();
        values.push(value);
    }

    fn of(&self, of: &'static str, figure: &str) -> Option<&[f64]> {
        Some(self.values.get(&(of, figure.to_owned()))?)
    }

    /// Ratios of each round: the middle one, the least, the greatest.
    fn ratio(&self, figure: &str, other: &'static str) -> Option<[f64; 3]> {
        let (ours, theirs) = (
            self.of(self.table.subject, figure)?,
            self.of(other, figure)?,
        );
        Some(spread(ours.iter().zip(theirs).map(|(a, b)| a / b)))
    }

    /// Prints the table, with each goal and whether it is met.
    pub fn print(&self) -> Tally {
        let mut tally = Tally::default();
        let mut lines = vec![self.heading()];
        lines.extend(
            self.table
                .figures
                .iter()
                .map(|it| self.line(it, &mut tally)),
        );
        let columns = lines[0].len();
        let widths: Vec<_> = (0..columns)
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max())
            .map(Option::unwrap_or_default)
            .collect();
        // Between the names and the ratios stand numbers, which end where others do.
        let numbers = 1..2 + self.table.others.len();
        for (index, line) in lines.iter().enumerate() {
            let cells = line.iter().zip(&widths).enumerate();
            let cells = cells.map(|(column, (cell, width))| {
                if numbers.contains(&column) {
                    format!(" {cell:>width$} ")
                } else {
                    format!(" {cell:width$} ")
                }
            });
            println!("|{}|", cells.collect::<Vec<_>>().join("|"));
            if index == 0 {
                let rules = widths.iter().map(|width| "-".repeat(width + 2));
                println!("|{}|", rules.collect::<Vec<_>>().join("|"));
            }
        }
        println!();
        tally
    }

    fn heading(&self) -> Vec<String> {
        let Table {
            title,
            subject,
            others,
            ..
        } = self.table;
        let mut heading = vec![(*title).to_owned(), (*subject).to_owned()];
        heading.extend(others.iter().map(|other| (*other).to_owned()));
        heading.extend(others.iter().map(|other| format!("to {other}")));
        heading.push("goals".into());
        heading
    }

    fn line(&self, figure: &Figure, tally: &mut Tally) -> Vec<String> {
        let Table {
            subject, others, ..
        } = self.table;
        let middle = |values: &[f64]| number(spread(values.iter().copied())[0]);
        let value = |of| self.of(of, figure.name).map_or_else(|| "–".into(), middle);
        let ratio = |other: &&'static str| {
            let ratio = self.ratio(figure.name, other);
            ratio.map_or_else(String::new, |[middle, least, most]| {
                format!("{middle:.2} ({least:.2}–{most:.2})")
            })
        };
        let mut line = vec![format!("{} {}", figure.name, figure.unit), value(subject)];
        line.extend(others.iter().map(|other| value(other)));
        line.extend(others.iter().map(ratio));
        let goals = figure.goals.iter();
        let goals = goals.map(|goal| format!("{goal}: {}", self.outcome(figure.name, goal, tally)));
        line.push(goals.collect::<Vec<_>>().join("; "));
        line
    }

    fn outcome(&self, figure: &str, goal: &Goal, tally: &mut Tally) -> &'static str {
        match self.is_met(figure, goal) {
            Some(true) => {
                tally.met += 1;
                "met"
            }
            Some(false) => {
                tally.missed += 1;
                "MISSED"
            }
            None => "not measured",
        }
    }

    /// Whether a goal is met; unknown where nothing was measured.
    fn is_met(&self, figure: &str, goal: &Goal) -> Option<bool> {
        let found = match goal.against {
            Against::Nothing => spread(self.of(self.table.subject, figure)?.iter().copied())[0],
            Against::Other(other) => self.ratio(figure, other)?[0],
        };
        Some(match goal.bound {
            AtLeast(least) => found >= least,
            AtMost(most) => found <= most,
        })
    }
}

impl Display for Goal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.against {
            Against::Nothing => self.bound.fmt(f),
            Against::Other(other) => write!(f, "{} of {other}", self.bound),
        }
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
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
