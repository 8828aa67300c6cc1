//! What the demo prints, and what it demands.

use super::outcome::{Load, Route};
use super::server::{Server, Stats};
use super::{PHASES, Phase, Plan, REQUESTS_MIN};
use crate::fail::{Fail, Outcome};

/// How the judgement calls answers that were not what they must be.
pub(super) const WRONG_ANSWERS: &str = "wrong answers";

/// A server that is being driven.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) runtime: &'static str,
    pub(super) server: Server,
    pub(super) loads: Vec<Load>,
}

/// A server that has ended: the loads it got and the counters it printed.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) runtime: &'static str,
    pub(super) loads: Vec<Load>,
    pub(super) stats: Stats,
}

impl Run {
    fn requests(&self) -> u64 {
        self.loads.iter().map(|load| load.requests).sum()
    }

    fn errors(&self) -> u64 {
        self.loads.iter().map(|load| load.errors).sum()
    }

    fn stat(&self, name: &str) -> u64 {
        self.stats.get(name).copied().unwrap_or(0)
    }

    fn per_request(&self, name: &str) -> f64 {
        self.stat(name) as f64 / self.requests().max(1) as f64
    }

    /// Median, least and most of what `of` says of the loads of a phase.
    fn spread(&self, phase: &Phase, of: impl Fn(&Load) -> f64) -> [f64; 3] {
        let loads = self.loads.iter().filter(|load| load.phase == phase);
        let mut values: Vec<f64> = loads.map(of).collect();
        values.sort_by(f64::total_cmp);
        [
            values[values.len() / 2],
            values[0],
            values[values.len() - 1],
        ]
    }
}

/// Prints everything, wrong or right.
pub(super) fn print(plan: &Plan, runs: &[Run]) {
    for run in runs {
        one(plan, run);
    }
    if let [ours, theirs] = runs {
        compare(ours, theirs);
    }
}

/// Demands no error, equal counts, enough requests, and tasks that were stolen with an op in flight.
pub(super) fn judge(plan: &Plan, runs: &[Run]) -> Outcome {
    let mut wrong = Vec::new();
    for run in runs {
        let (name, requests, served) = (run.runtime, run.requests(), run.stat("served"));
        if run.errors() > 0 {
            wrong.push(format!("{name}: {} {WRONG_ANSWERS}", run.errors()));
        }
        if run.loads.iter().any(|load| !load.whole) {
            wrong.push(format!("{name}: the load generator did not end well"));
        }
        if served != requests {
            wrong.push(format!(
                "{name}: the server counted {served}, the client {requests}"
            ));
        }
        if requests < REQUESTS_MIN {
            wrong.push(format!(
                "{name}: {requests} requests, fewer than {REQUESTS_MIN}"
            ));
        }
    }
    let ours = &runs[0];
    let stolen = ours.stat("stolen_inflight");
    if ours.stat("shards") > 1 && stolen * 1000 < ours.requests() {
        wrong.push(format!(
            "{stolen} tasks stolen with an op in flight: fewer than 1 in 1,000"
        ));
    }
    match (wrong.is_empty(), plan.broken) {
        (true, false) => Ok(()),
        (true, true) => Err(Fail::new("one body was corrupted and nothing noticed")),
        (false, _) => Err(Fail::new(wrong.join("\n  "))),
    }
}

fn one(plan: &Plan, run: &Run) {
    println!(
        "\n{}: {} shards, {}, {} connections",
        run.runtime,
        run.stat("shards"),
        plan.placement(),
        plan.connections,
    );
    for phase in PHASES {
        table(run, phase);
    }
    let bytes: u64 = run.loads.iter().map(|load| load.route("all").bytes).sum();
    let sums = run
        .loads
        .iter()
        .filter_map(|load| u64::from_str_radix(&load.checksum, 16).ok());
    println!(
        "  requests {}, errors {}; {} MiB of bodies checked, checksum {:016x}",
        run.requests(),
        run.errors(),
        bytes >> 20,
        sums.fold(0, u64::wrapping_add),
    );
    println!(
        "  server: counted {} requests; CPU {:.2} s, {:.1} us a request",
        run.stat("served"),
        run.stat("cpu_ns") as f64 / 1e9,
        run.per_request("cpu_ns") / 1e3,
    );
    if run.runtime == "ringmesh" {
        mesh(run);
    }
}

/// A phase's throughput, and a row for each route.
fn table(run: &Run, phase: &Phase) {
    let turns = run.loads.iter().filter(|load| load.phase == phase).count();
    let [rate, least, most] = run.spread(phase, Load::per_second);
    print!("  {}: {rate:.0} requests/s", phase.name);
    match turns {
        1 => println!(),
        _ => println!(", median of {turns} turns, {least:.0} to {most:.0}"),
    }
    println!(
        "    {:<10} {:>9} {:>10} {:>10} {:>10} {:>10}",
        "route", "requests", "p50", "p99", "p99.9", "max"
    );
    for route in &run.loads[0].routes {
        row(run, phase, &route.name);
    }
}

/// What only our own runtime counts.
fn mesh(run: &Run) {
    println!(
        "  tasks stolen: {}; stolen with an op in flight: {} ({:.1} in 1,000 requests)",
        run.stat("stolen"),
        run.stat("stolen_inflight"),
        run.per_request("stolen_inflight") * 1e3,
    );
    println!(
        "  wakes sent {}, saved {}; doorbells {}; parks {}; spun {:.2} s",
        run.stat("wakes_sent"),
        run.stat("wakes_saved"),
        run.stat("doorbells"),
        run.stat("parks"),
        run.stat("spin_ns") as f64 / 1e9,
    );
    println!(
        "  ring enters a request {:.2}; ops a request {:.2}, of them inline {:.2}",
        run.per_request("enters"),
        run.per_request("completions") + run.per_request("inline"),
        run.per_request("inline"),
    );
}

fn row(run: &Run, phase: &Phase, name: &str) {
    let loads = run.loads.iter().filter(|load| load.phase == phase);
    let requests: u64 = loads.map(|load| load.route(name).requests).sum();
    let time =
        |of: fn(&Route) -> u64| micros(run.spread(phase, |load| of(&load.route(name)) as f64)[0]);
    println!(
        "    {name:<10} {requests:>9} {:>10} {:>10} {:>10} {:>10}",
        time(|route| route.p50),
        time(|route| route.p99),
        time(|route| route.p999),
        time(|route| route.max),
    );
}

/// Ratios of the medians: below 1 is less for us.
fn compare(ours: &Run, theirs: &Run) {
    println!("\nringmesh / tokio, ratios of medians over the interleaved turns");
    println!(
        "  CPU a request {:.2}",
        ours.per_request("cpu_ns") / theirs.per_request("cpu_ns")
    );
    for phase in PHASES {
        let ratio = |of: &dyn Fn(&Load) -> f64| {
            ours.spread(phase, of)[0] / theirs.spread(phase, of)[0].max(f64::MIN_POSITIVE)
        };
        println!(
            "  {}: requests/s {:.2}",
            phase.name,
            ratio(&Load::per_second)
        );
        for name in ["json", "cpu"] {
            println!(
                "    {name}: p50 {:.2}, p99 {:.2}, p99.9 {:.2}",
                ratio(&|load| load.route(name).p50 as f64),
                ratio(&|load| load.route(name).p99 as f64),
                ratio(&|load| load.route(name).p999 as f64),
            );
        }
    }
}

fn micros(ns: f64) -> String {
    format!("{:.0} us", ns / 1e3)
}
