//! `cargo xtask demo`: a real server under real load, in two processes, with every byte checked.
//!
//! 1. Builds the servers and the load generator in release mode.
//! 2. Starts the server on a free port, over a directory that it fills.
//! 3. Drives it with the load generator, which computes for itself what each body must be: first as fast as it can, which
//!    shows the throughput, then with rests between the requests of a connection, which shows latencies that are more than
//!    queues, and shards that run dry and steal.
//! 4. Closes the server's stdin, upon which it ends and prints its counters.
//! 5. Compares and reports. One wrong byte, or one request that only one side counted, is an error.
//!
//! With `--compare-tokio` the same site on tokio is driven in turns with ours.

mod outcome;
mod report;
mod server;

use crate::args::Args;
use crate::bench;
use crate::fail::{Fail, Outcome};
use crate::tool::Tool;

use outcome::Load;
use report::{Run, Side};
use server::Server;

pub(crate) const ABOUT: &str = "a hyper server under load, every byte checked; [--seconds N] [--connections N] [--shards N] \
     [--pinned | --free] [--compare-tokio] [--wrk] [--break]";

/// The least that a demo must have answered to count as one.
const REQUESTS_MIN: u64 = 20_000;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Phase {
    name: &'static str,
    /// Average rest of a connection after an answer, in microseconds.
    think_us: u32,
    /// Its share of the demo's time, in tenths.
    tenths: u32,
    /// Requests that it must not fall short of.
    requests: u64,
}

const PHASES: &[Phase] = &[
    Phase {
        name: "full speed",
        think_us: 0,
        tenths: 6,
        requests: REQUESTS_MIN,
    },
    Phase {
        name: "paced",
        think_us: 2000,
        tenths: 4,
        requests: 0,
    },
];

/// Turns of a comparison: an odd number, so that the median is a measured one.
const TURNS: usize = 5;

pub(crate) fn run(mut args: Args) -> Outcome {
    let plan = Plan::read(&mut args)?;
    args.finish()?;
    plan.run()
}

/// For `cargo xtask ci`: a short demo holds, and one in which a body is corrupted is noticed.
pub(crate) fn check(args: Args) -> Outcome {
    args.finish()?;
    let plan = Plan {
        seconds: 2.0,
        ..Plan::default()
    };
    plan.run()?;
    let broken = Plan {
        broken: true,
        ..plan
    };
    match broken.run() {
        Err(fail) if fail.to_string().contains(report::WRONG_ANSWERS) => {
            println!("\na corrupted body was noticed, as it must be: {fail}");
            Ok(())
        }
        Err(fail) => Err(fail),
        Ok(()) => Err(Fail::new("a corrupted body was not noticed")),
    }
}

/// What was asked for on the command line.
#[derive(Debug, Clone)]
struct Plan {
    seconds: f64,
    connections: usize,
    shards: Option<usize>,
    pinned: bool,
    compare: bool,
    wrk: bool,
    broken: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Plan {
            seconds: 5.0,
            connections: 32,
            shards: None,
            pinned: false,
            compare: false,
            wrk: false,
            broken: false,
        }
    }
}

impl Plan {
    fn read(args: &mut Args) -> Outcome<Plan> {
        let (pinned, free) = (args.flag("--pinned"), args.flag("--free"));
        if pinned && free {
            return Err(Fail::new("--pinned and --free exclude each other"));
        }
        let default = Plan::default();
        Ok(Plan {
            seconds: args.value("--seconds")?.unwrap_or(default.seconds),
            connections: args.value("--connections")?.unwrap_or(default.connections),
            shards: args.value("--shards")?,
            pinned,
            compare: args.flag("--compare-tokio"),
            wrk: args.flag("--wrk"),
            broken: args.flag("--break"),
        })
    }

    fn run(&self) -> Outcome {
        self.build()?;
        let load = bench::binary("demo_load")?;
        let rounds = Tool::new(load).args(["--calibrate"]).quiet().output()?;
        let mut sides = vec![Side::start(self, "ringmesh")?];
        if self.compare {
            sides.push(Side::start(self, "tokio")?);
        }
        let turns = if self.compare { TURNS } else { 1 };
        for _ in 0..turns {
            for phase in PHASES {
                for side in &mut sides {
                    side.drive(self, phase, rounds.trim())?;
                }
            }
        }
        let runs: Vec<Run> = sides.into_iter().map(Side::end).collect::<Outcome<_>>()?;
        if self.wrk {
            wrk(self)?;
        }
        report::print(self, &runs);
        report::judge(self, &runs)
    }

    fn build(&self) -> Outcome {
        let mut names = vec!["demo_server", "demo_load"];
        if self.compare {
            names.push("demo_tokio");
        }
        let bins = names.into_iter().flat_map(|name| ["--bin", name]);
        Tool::cargo(["build", "--release", "-p", "ringmesh-bench"])
            .args(bins)
            .run()
    }

    fn placement(&self) -> &'static str {
        if self.pinned { "pinned" } else { "free" }
    }
}

impl Side {
    fn start(plan: &Plan, runtime: &'static str) -> Outcome<Side> {
        Ok(Side {
            runtime,
            server: Server::start(plan, runtime)?,
            loads: Vec::new(),
        })
    }

    fn drive(&mut self, plan: &Plan, phase: &'static Phase, rounds: &str) -> Outcome {
        let seconds = plan.seconds * f64::from(phase.tenths) / 10.0;
        // A comparison has several turns to come to as many.
        let requests = if plan.compare { 0 } else { phase.requests };
        let tool = Tool::new(bench::binary("demo_load")?)
            .quiet()
            .args(["--server", &self.server.address])
            .args(["--seconds", &seconds.to_string()])
            .args(["--connections", &plan.connections.to_string()])
            .args(["--requests", &requests.to_string()])
            .args(["--think-us", &phase.think_us.to_string()])
            .args(["--cpu-rounds", rounds]);
        let mut load = Load::new(phase);
        // The generator's exit code says no more than its count of errors, and a broken body must still get its report.
        tool.read_lines(|line| load.look(line))?;
        self.loads.push(load);
        Ok(())
    }

    fn end(self) -> Outcome<Run> {
        let stats = self.server.end()?;
        Ok(Run {
            runtime: self.runtime,
            loads: self.loads,
            stats,
        })
    }
}

/// Drives a server of its own, because wrk drops requests when its time is up and so spoils the count; checks no bodies.
fn wrk(plan: &Plan) -> Outcome {
    if !Tool::exists("wrk") {
        println!("SKIP wrk: it is not installed");
        return Ok(());
    }
    let server = Server::start(plan, "ringmesh")?;
    let status = Tool::new("wrk")
        .args(["-t2", "--latency", "-c", &plan.connections.to_string()])
        .args([
            "-d",
            &format!("{}s", plan.seconds.ceil()),
            &format!("http://{}/json/1", server.address),
        ])
        .tee(|_| ())?;
    server.end()?;
    if status.success() {
        Ok(())
    } else {
        Err(Fail::new("wrk failed"))
    }
}
