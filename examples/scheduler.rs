//! The scheduler alone, on its in-memory driver: tasks that move between shards, tasks that stay, and timers.
//!
//! `cargo run --example scheduler`

use std::{collections::BTreeMap, time::Duration};

use ringmesh_sched::{
    Builder, Handle, Placement, ShardId, memory, shard, spawn, spawn_with, time, yield_now,
};

fn main() {
    let seen = Builder::new(memory::Factory::new())
        .shards(2)
        .run(work())
        .expect("two threads");
    println!("polls by shard of 64 stealable tasks: {seen:?}");
}

async fn work() -> BTreeMap<usize, usize> {
    // Stealable: each of its polls may happen on another shard.
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            spawn(async {
                let mut shards = Vec::new();
                for _ in 0..8 {
                    compute();
                    shards.extend(shard::current().map(ShardId::index));
                    yield_now().await;
                }
                shards
            })
        })
        .collect();
    // Pinned: all of its polls happen where it was told.
    let there = ShardId::new(1);
    let pinned = spawn_with(Placement::Pinned(there), async move {
        time::sleep(Duration::from_millis(1)).await;
        shard::current() == Some(there)
    });
    let mut polls = BTreeMap::new();
    for task in tasks {
        for shard in task.await.expect("a task that does not panic") {
            *polls.entry(shard).or_default() += 1;
        }
    }
    assert!(pinned.await.expect("a task that does not panic"));
    println!(
        "tasks stolen: {}",
        Handle::current().metrics().total().steals_won
    );
    polls
}

/// Some 50 us of work.
fn compute() {
    let mut state = 1u64;
    for step in 0..50_000u64 {
        state = state.wrapping_mul(6_364_136_223_846_793_005) ^ step;
    }
    std::hint::black_box(state);
}
