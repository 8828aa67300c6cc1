//! The load generator of the demo: a process of its own that trusts nothing it gets.
//!
//! `demo_load --server 127.0.0.1:8080 [--seconds 5] [--connections 32] [--requests 20000] [--cpu-rounds N]
//! [--think-us 0]` drives a server
//! and prints a line for each route and one for the whole; `demo_load --calibrate [--cpu-us 200]` prints how many rounds
//! of work take that long. Exits with 1 if one answer was wrong.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use ringmesh_bench::histogram::Histogram;
use ringmesh_bench::load::{self, Load, MIX, Outcome};
use ringmesh_bench::option;

fn main() -> ExitCode {
    let cpu_time = Duration::from_micros(option::value("--cpu-us", 200));
    if option::flag("--calibrate") {
        println!("{}", load::calibrate(cpu_time));
        return ExitCode::SUCCESS;
    }
    let load = Load {
        server: option::value("--server", SocketAddr::from(([127, 0, 0, 1], 8080))),
        connections: option::value("--connections", 32usize).max(1),
        time: Duration::from_secs_f64(option::value("--seconds", 5.0)),
        requests: option::value("--requests", 20_000),
        think: Duration::from_micros(option::value("--think-us", 0)),
        cpu_rounds: match option::value("--cpu-rounds", 0) {
            0 => load::calibrate(cpu_time),
            rounds => rounds,
        },
    };
    match load.run() {
        Ok(outcome) => {
            print(&outcome);
            ExitCode::from(u8::from(outcome.errors > 0))
        }
        Err(error) => {
            eprintln!("demo_load: {}: {error}", load.server);
            ExitCode::FAILURE
        }
    }
}

/// `route <name> <requests> <bytes> <p50> <p99> <p99.9> <max>`, times in nanoseconds, `all` for all routes together; then
/// `total <requests> <errors> <nanoseconds> <checksum>`.
fn print(outcome: &Outcome) {
    let mut all = Histogram::default();
    for ((route, _), (latency, bytes)) in MIX.iter().zip(&outcome.routes) {
        line(&route.to_string(), latency, *bytes);
        all.merge(latency);
    }
    line(
        "all",
        &all,
        outcome.routes.iter().map(|(_, bytes)| bytes).sum(),
    );
    let (requests, time) = (outcome.requests(), outcome.time.as_nanos());
    println!(
        "total {requests} {} {time} {:016x}",
        outcome.errors, outcome.checksum
    );
}

fn line(name: &str, latency: &Histogram, bytes: u64) {
    let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|q| latency.quantile(q).as_nanos());
    let (count, max) = (latency.count(), latency.max().as_nanos());
    println!("route {name} {count} {bytes} {p50} {p99} {p999} {max}");
}
