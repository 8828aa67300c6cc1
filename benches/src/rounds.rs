//! Contenders that take turns, and a table of what came out.
//!
//! A figure is worth something only beside another one from the same run: the machine drifts, and neighbours come and go. So
//! the contenders run one after the other, round by round, each on a fresh thread, and a row shows the median with its least
//! and most. Every round returns a checksum of the work done; contenders that disagree end the program.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::cpu;
use crate::option;

/// What one round of one contender came to.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// What is judged, in nanoseconds: a time per operation, or the median of many latencies.
    pub ns: f64,
    /// CPU time of the process per operation, in nanoseconds.
    pub cpu_ns: f64,
    /// Of the work done.
    pub checksum: u64,
    /// One more figure, if the program has one to show.
    pub extra: Option<(&'static str, f64)>,
}

/// A stopwatch for a number of equal operations.
#[derive(Debug)]
pub struct Watch {
    start: Instant,
    cpu: Duration,
}

impl Watch {
    /// Starts to measure.
    pub fn start() -> Self {
        Watch {
            cpu: cpu::time(),
            start: Instant::now(),
        }
    }

    /// Ends the measurement of `operations`.
    pub fn end(self, operations: u64, checksum: u64) -> Sample {
        let (time, cpu) = (self.start.elapsed(), cpu::time() - self.cpu);
        let each = |time: Duration| time.as_nanos() as f64 / operations.max(1) as f64;
        Sample {
            ns: each(time),
            cpu_ns: each(cpu),
            checksum,
            extra: None,
        }
    }
}

/// Where shards and workers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Shard or worker *i* on the *i*-th CPU that the process may use.
    Pinned,
    /// Where the kernel likes.
    Free,
}

impl Placement {
    /// What `--pinned` or `--free` asks for; both if neither is given.
    pub fn asked() -> Vec<Placement> {
        match (option::flag("--pinned"), option::flag("--free")) {
            (true, false) => vec![Placement::Pinned],
            (false, true) => vec![Placement::Free],
            _ => vec![Placement::Pinned, Placement::Free],
        }
    }

    /// The word for it in a table.
    pub fn name(self) -> &'static str {
        match self {
            Placement::Pinned => "pinned",
            Placement::Free => "free",
        }
    }
}

/// A table of contenders: same work, same placement.
#[derive(Debug)]
pub struct Table {
    title: String,
    unit: Unit,
    contenders: Vec<(String, Round)>,
}

/// A round of a contender, callable on any thread.
#[derive(Clone)]
struct Round(Arc<dyn Fn() -> Sample + Send + Sync>);

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Round")
    }
}

/// How figures are shown.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Nanoseconds.
    Nanos,
    /// Microseconds.
    Micros,
}

impl Unit {
    fn show(self, ns: f64) -> String {
        match self {
            Unit::Nanos => format!("{ns:.1} ns"),
            Unit::Micros => format!("{:.2} us", ns / 1e3),
        }
    }
}

impl Table {
    /// An empty table.
    pub fn new(title: impl Into<String>, placement: Placement, unit: Unit) -> Self {
        Table {
            title: format!("{}, {}", title.into(), placement.name()),
            unit,
            contenders: Vec::new(),
        }
    }

    /// Adds a contender, unless `--only` names another. The first one is what the others are compared with.
    pub fn row(
        mut self,
        name: impl Into<String>,
        round: impl Fn() -> Sample + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        if name.contains(&option::value("--only", String::new())) {
            self.contenders.push((name, Round(Arc::new(round))));
        }
        self
    }

    /// Runs `--rounds` rounds (5 if not given), after one that warms up and is not counted, and prints the table.
    pub fn run(self) {
        if self.contenders.is_empty() {
            return;
        }
        let rounds = option::value("--rounds", 5usize).max(1);
        let mut samples = vec![Vec::with_capacity(rounds); self.contenders.len()];
        for round in 0..=rounds {
            for ((name, run), samples) in self.contenders.iter().zip(&mut samples) {
                let run = run.clone();
                let thread = thread::Builder::new().name(name.clone());
                let joined = thread.spawn(move || (run.0)()).expect("a thread").join();
                let sample = joined.unwrap_or_else(|_| fail(&format!("{name} panicked")));
                if round > 0 {
                    samples.push(sample);
                }
            }
        }
        self.print(&samples);
    }

    fn print(&self, samples: &[Vec<Sample>]) {
        println!("\n{} ({} rounds)", self.title, samples[0].len());
        println!(
            "  {:<26} {:>11} {:>25} {:>11} {:>6}  checksum",
            "", "median", "least .. most", "CPU", "ratio"
        );
        let first = Spread::of(samples[0].iter().map(|sample| sample.ns)).median;
        for ((name, _), samples) in self.contenders.iter().zip(samples) {
            let time = Spread::of(samples.iter().map(|sample| sample.ns));
            let cpu = Spread::of(samples.iter().map(|sample| sample.cpu_ns));
            println!(
                "  {name:<26} {:>11} {:>25} {:>11} {:>6.2}  {:016x}{}{}",
                self.unit.show(time.median),
                format!(
                    "{} .. {}",
                    self.unit.show(time.least),
                    self.unit.show(time.most)
                ),
                self.unit.show(cpu.median),
                time.median / first,
                samples[0].checksum,
                extra(samples),
                if time.is_noisy() { "  (noisy)" } else { "" },
            );
        }
        let sums = samples.iter().flatten().map(|sample| sample.checksum);
        if sums.clone().any(|sum| sum != samples[0][0].checksum) {
            fail("the contenders did not do the same work");
        }
    }
}

/// The median of the extra figure, if there is one.
fn extra(samples: &[Sample]) -> String {
    let Some((name, _)) = samples[0].extra else {
        return String::new();
    };
    let spread = Spread::of(samples.iter().filter_map(|sample| Some(sample.extra?.1)));
    format!("  {name} {:.2}", spread.median)
}

fn fail(sentence: &str) -> ! {
    eprintln!("{sentence}");
    std::process::exit(1)
}

/// Median and extremes of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
    quartiles: f64,
}

impl Spread {
    /// The spread of at least one figure.
    pub fn of(figures: impl Iterator<Item = f64>) -> Spread {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share).round() as usize];
        Spread {
            median: at(0.5),
            least: at(0.0),
            most: at(1.0),
            quartiles: at(0.75) - at(0.25),
        }
    }

    /// Whether the middle half of the figures spreads over more than a quarter of their median.
    pub fn is_noisy(&self) -> bool {
        self.quartiles > self.median / 4.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_knows_median_and_noise() {
        let calm = Spread::of([10.0, 11.0, 9.0, 10.5, 9.5].into_iter());
        assert_eq!((calm.median, calm.least, calm.most), (10.0, 9.0, 11.0));
        assert!(!calm.is_noisy());
        assert!(Spread::of([1.0, 5.0, 10.0, 20.0, 30.0].into_iter()).is_noisy());
    }
}
