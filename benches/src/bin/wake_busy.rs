//! A task wakes 1, 2 or 4 others and then computes for 2 ms: when does the first of them start on the idle shard?
//!
//! A runtime that leaves woken work in the waker's own queue starts it after 2 ms. The figure is the median over the wakes
//! of a round; p90 stands beside it.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ringmesh::sync::{Barrier, Notify};
use ringmesh_bench::cpu;
use ringmesh_bench::histogram::Histogram;
use ringmesh_bench::option;
use ringmesh_bench::rounds::{Placement, Sample, Table, Unit};
use ringmesh_bench::runtimes::{Mesh, Runtime, Tokio};

/// How long the waker computes after it woke the others.
const BUSY: Duration = Duration::from_millis(2);

/// Between two wakes the shards come to rest.
const PAUSE: Duration = Duration::from_millis(1);

fn main() {
    let wakes = option::value("--wakes", 200u64);
    for placement in Placement::asked() {
        for sleepers in [1, 2, 4] {
            let title = format!("{sleepers} woken by a task that computes 2 ms, first start");
            Table::new(title, placement, Unit::Micros)
                .row("ringmesh", move || {
                    Mesh::run(2, placement, wake(Mesh, sleepers, wakes, ringmesh_pause))
                })
                .row("tokio", move || {
                    Tokio::run(2, placement, wake(Tokio, sleepers, wakes, tokio_pause))
                })
                .run();
        }
    }
}

async fn ringmesh_pause() {
    ringmesh::time::sleep(PAUSE).await;
}

async fn tokio_pause() {
    tokio::time::sleep(PAUSE).await;
}

/// What the waker and the sleepers share in one wake.
#[derive(Debug)]
struct Bed {
    alarm: Notify,
    asleep: AtomicU64,
    done: Barrier,
    base: Instant,
    first: AtomicU64,
}

async fn wake<R: Runtime, P: Future<Output = ()> + Send>(
    _: R,
    sleepers: u64,
    wakes: u64,
    pause: impl Fn() -> P + Send + 'static,
) -> Sample {
    let before = cpu::time();
    let mut starts = Histogram::default();
    let mut woken = 0;
    for _ in 0..wakes {
        let bed = Arc::new(Bed {
            alarm: Notify::new(),
            asleep: AtomicU64::new(0),
            done: Barrier::new(sleepers as usize + 1),
            base: Instant::now(),
            first: AtomicU64::new(u64::MAX),
        });
        let tasks: Vec<_> = (0..sleepers)
            .map(|_| R::spawn(sleeper(bed.clone())))
            .collect();
        while bed.asleep.load(Ordering::Acquire) < sleepers {
            pause().await;
        }
        pause().await;
        let alarm = bed.base.elapsed();
        bed.alarm.notify_waiters();
        let start = Instant::now();
        while start.elapsed() < BUSY {
            hint::spin_loop();
        }
        bed.done.wait().await;
        for task in tasks {
            woken += task.await;
        }
        let first = Duration::from_nanos(bed.first.load(Ordering::Relaxed));
        starts.record(first.saturating_sub(alarm));
    }
    let micros = |q| starts.quantile(q).as_nanos() as f64;
    Sample {
        ns: micros(0.5),
        cpu_ns: (cpu::time() - before).as_nanos() as f64 / wakes as f64,
        checksum: woken,
        extra: Some(("p90 us", micros(0.9) / 1e3)),
    }
}

async fn sleeper(bed: Arc<Bed>) -> u64 {
    let alarm = bed.alarm.notified();
    // From its creation on the future gets every `notify_waiters`; the Acquire load of the waker pairs with this.
    bed.asleep.fetch_add(1, Ordering::Release);
    alarm.await;
    let now = u64::try_from(bed.base.elapsed().as_nanos()).unwrap_or(u64::MAX);
    bed.first.fetch_min(now, Ordering::Relaxed);
    bed.done.wait().await;
    1
}
