//! The load of the demo: what is asked for, in which mix, and what each answer must be.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::checksum::checksum;
use crate::client::Client;
use crate::histogram::Histogram;
use crate::payload;

/// Different CPU requests; the client computes their results once, before it starts.
const SEEDS: u64 = 32;

/// However slow the machine, the load ends after this time.
const LONGEST: Duration = Duration::from_secs(120);

/// What is asked for, and how often in a hundred requests.
pub const MIX: &[(Route, u64)] = &[
    (Route::Json, 50),
    (Route::Cpu, 20),
    (Route::File(0), 8),
    (Route::File(1), 8),
    (Route::File(2), 6),
    (Route::File(3), 5),
    (Route::File(4), 3),
];

/// A route of the site; a file is named by its place in [`payload::FILES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// A small document, made by the handler.
    Json,
    /// CPU work in a task of its own.
    Cpu,
    /// A static file.
    File(usize),
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Route::Json => f.pad("json"),
            Route::Cpu => f.pad("cpu"),
            Route::File(index) => f.pad(payload::FILES[*index].0),
        }
    }
}

/// How much, how long, to whom.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// The server.
    pub server: SocketAddr,
    /// Keep-alive connections, a thread each.
    pub connections: usize,
    /// At least this long.
    pub time: Duration,
    /// At least this many requests, even if they take longer than [`Load::time`].
    pub requests: u64,
    /// Rounds of work of a CPU request.
    pub cpu_rounds: u64,
    /// How long a connection rests after an answer, on average; no rest keeps the server saturated.
    pub think: Duration,
}

/// What a load came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Per route, in the order of [`MIX`]: latencies and bytes of the bodies.
    pub routes: Vec<(Histogram, u64)>,
    /// Answers that were wrong in any way.
    pub errors: u64,
    /// From the start of the first request to the end of the last.
    pub time: Duration,
    /// Sum of the checksums of all bodies received.
    pub checksum: u64,
}

impl Outcome {
    fn new() -> Self {
        Outcome {
            routes: vec![Default::default(); MIX.len()],
            ..Outcome::default()
        }
    }

    /// All requests that were answered, rightly or wrongly.
    pub fn requests(&self) -> u64 {
        self.routes.iter().map(|(latency, _)| latency.count()).sum()
    }

    fn merge(&mut self, other: &Outcome) {
        for (mine, theirs) in self.routes.iter_mut().zip(&other.routes) {
            mine.0.merge(&theirs.0);
            mine.1 += theirs.1;
        }
        self.errors += other.errors;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

impl Load {
    /// Runs the load; an error is one of the client itself, such as a server that is not there.
    pub fn run(self) -> io::Result<Outcome> {
        let answers = Arc::new(Answers::compute(self.cpu_rounds));
        let clients = (0..self.connections).map(|_| Client::connect(self.server));
        let clients: Vec<Client> = clients.collect::<io::Result<_>>()?;
        let shared = Arc::new(Shared {
            answered: AtomicU64::new(0),
            start: Barrier::new(self.connections + 1),
        });
        let threads = clients.into_iter().enumerate().map(|(index, client)| {
            let (answers, shared) = (answers.clone(), shared.clone());
            thread::spawn(move || self.drive(index as u64, client, &answers, &shared))
        });
        let threads: Vec<_> = threads.collect();
        shared.start.wait();
        let start = Instant::now();
        let mut outcome = Outcome::new();
        for thread in threads {
            let one = thread
                .join()
                .map_err(|_| io::Error::other("a client thread panicked"))?;
            outcome.merge(&one);
        }
        outcome.time = start.elapsed();
        Ok(outcome)
    }

    /// One connection's requests.
    fn drive(self, index: u64, mut client: Client, answers: &Answers, shared: &Shared) -> Outcome {
        let mut outcome = Outcome::new();
        let mut dice = Dice(index.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut path = String::new();
        shared.start.wait();
        let start = Instant::now();
        while self.goes_on(start.elapsed(), shared) {
            let (at, route) = dice.route();
            let (expected, length) = answers.pick(route, dice.roll(), &mut path);
            let sent = Instant::now();
            let answer = client.get(&path);
            let took = sent.elapsed();
            // Only a sum that many threads add to; it orders nothing.
            shared.answered.fetch_add(1, Ordering::Relaxed);
            let fault = match answer {
                Ok(answer) => {
                    outcome.routes[at].0.record(took);
                    outcome.routes[at].1 += answer.body.len() as u64;
                    let sum = checksum(answer.body);
                    outcome.checksum = outcome.checksum.wrapping_add(sum);
                    fault(answer.status, answer.body.len(), sum, (expected, length))
                }
                Err(error) => Some(error.to_string()),
            };
            if let Some(fault) = fault {
                outcome.errors += 1;
                eprintln!("connection {index}: GET {path}: {fault}");
                match Client::connect(self.server) {
                    Ok(again) => client = again,
                    Err(_) => return outcome,
                }
            }
            if !self.think.is_zero() {
                // Between none and twice the average, so that the connections do not march in step.
                thread::sleep(
                    self.think
                        .mul_f64(dice.roll() as f64 * 2.0 / (u64::MAX >> 11) as f64),
                );
            }
        }
        outcome
    }

    fn goes_on(&self, elapsed: Duration, shared: &Shared) -> bool {
        let enough = shared.answered.load(Ordering::Relaxed) >= self.requests;
        elapsed < LONGEST && (elapsed < self.time || !enough)
    }
}

/// How many rounds of work take `time` on this machine: the best of some tries, as the others were disturbed.
pub fn calibrate(time: Duration) -> u64 {
    const PROBE: u64 = 100_000;
    let tries = (0..20).map(|seed| {
        let start = Instant::now();
        std::hint::black_box(payload::compute(seed, PROBE));
        start.elapsed()
    });
    let best = tries.min().unwrap_or(time).as_nanos().max(1);
    u64::try_from(u128::from(PROBE) * time.as_nanos() / best)
        .unwrap_or(u64::MAX)
        .max(1)
}

/// What the threads of a load share.
#[derive(Debug)]
struct Shared {
    answered: AtomicU64,
    start: Barrier,
}

/// Checksum and length of every right answer, computed by the client before it starts.
#[derive(Debug)]
struct Answers {
    files: Vec<(u64, usize)>,
    cpu: Vec<(u64, usize)>,
    json: HashMap<u64, (u64, usize)>,
    rounds: u64,
}

impl Answers {
    const DOCUMENTS: u64 = 1024;

    fn compute(rounds: u64) -> Self {
        let sum = |bytes: &[u8]| (checksum(bytes), bytes.len());
        let work = |seed| sum(format!("{:016x}", payload::compute(seed, rounds)).as_bytes());
        Answers {
            files: payload::FILES
                .iter()
                .map(|&(_, size)| sum(&payload::file(size)))
                .collect(),
            cpu: (0..SEEDS).map(work).collect(),
            json: (0..Self::DOCUMENTS)
                .map(|id| (id, sum(payload::json(id).as_bytes())))
                .collect(),
            rounds,
        }
    }

    /// Writes a path of the route and gives the checksum and length that its body must have.
    fn pick(&self, route: Route, dice: u64, path: &mut String) -> (u64, usize) {
        use fmt::Write;
        path.clear();
        match route {
            Route::Json => {
                let id = dice % Self::DOCUMENTS;
                _ = write!(path, "/json/{id}");
                self.json[&id]
            }
            Route::Cpu => {
                let seed = dice % SEEDS;
                _ = write!(path, "/cpu/{seed}/{}", self.rounds);
                self.cpu[seed as usize]
            }
            Route::File(index) => {
                _ = write!(path, "/files/{}", payload::FILES[index].0);
                self.files[index]
            }
        }
    }
}

/// What is wrong with an answer, if anything.
fn fault(status: u16, length: usize, sum: u64, expected: (u64, usize)) -> Option<String> {
    if status != 200 {
        return Some(format!("status {status}"));
    }
    if length != expected.1 {
        return Some(format!("{length} bytes instead of {}", expected.1));
    }
    (sum != expected.0).then(|| "the body's checksum is wrong".to_owned())
}

/// A generator of its own for each connection: the same requests in every run.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// A route by its weight, and its place in [`MIX`].
    fn route(&mut self) -> (usize, Route) {
        let weights: u64 = MIX.iter().map(|(_, weight)| weight).sum();
        let mut left = self.roll() % weights;
        for (at, &(route, weight)) in MIX.iter().enumerate() {
            if left < weight {
                return (at, route);
            }
            left -= weight;
        }
        unreachable!("the weights sum up")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_throw_every_route_about_as_often_as_asked() {
        let mut dice = Dice(12345);
        let mut thrown = vec![0u64; MIX.len()];
        for _ in 0..100_000 {
            thrown[dice.route().0] += 1;
        }
        for (count, (route, weight)) in thrown.iter().zip(MIX) {
            let wanted = weight * 1000;
            assert!(
                count.abs_diff(wanted) < wanted / 5 + 300,
                "{route}: {count}"
            );
        }
    }

    #[test]
    fn a_wrong_byte_is_a_fault_and_a_right_body_is_none() {
        let mut body = payload::file(4096);
        let expected = (checksum(&body), body.len());
        assert_eq!(fault(200, body.len(), checksum(&body), expected), None);
        body[2048] ^= 1;
        assert!(fault(200, body.len(), checksum(&body), expected).is_some());
        assert!(fault(500, body.len(), expected.0, expected).is_some());
        assert!(fault(200, 4095, expected.0, expected).is_some());
    }
}
