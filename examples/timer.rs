//! Timers: a sleep, an interval, a timeout.

use std::time::{Duration, Instant};

use ringmesh::time;

#[ringmesh::main]
async fn main() {
    let start = Instant::now();
    time::sleep(Duration::from_millis(20)).await;
    println!("slept {:?}", start.elapsed());

    let mut ticks = time::interval(Duration::from_millis(10));
    for tick in 0..5 {
        ticks.tick().await;
        println!("tick {tick} at {:?}", start.elapsed());
    }

    let never = std::future::pending::<()>();
    let Err(elapsed) = time::timeout(Duration::from_millis(5), never).await else {
        unreachable!("what never ends cannot have ended");
    };
    println!("{elapsed}, at {:?}", start.elapsed());

    // Many at once cost a slot in the wheel each.
    let sleepers = (0..10_000u64).map(|index| {
        ringmesh::spawn(async move {
            let due = Instant::now() + Duration::from_micros(index % 1000 * 20);
            time::sleep_until(due).await;
            Instant::now().saturating_duration_since(due)
        })
    });
    let mut latest = Duration::ZERO;
    for sleeper in sleepers.collect::<Vec<_>>() {
        latest = latest.max(sleeper.await.expect("a task that does not panic"));
    }
    println!("of 10,000 sleepers none was early, the latest by {latest:?}");
}
