//! Shards that have nothing to do sleep, and are woken: by counts, not by clocks.

#[path = "support/tools.rs"]
mod tools;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use ringmesh_sched::{Idle, Placement, Runtime, shard as here, spawn, spawn_with, yield_now};
use tools::{Gate, Random, builder, guarded, shard, spin_until};

/// Waits until all shards sleep, and returns how often they have gone to sleep.
fn settled(runtime: &Runtime) -> u64 {
    loop {
        let parks = runtime.handle().metrics().total().parks;
        thread::sleep(Duration::from_millis(20));
        if runtime.handle().metrics().total().parks == parks && parks > 0 {
            return parks;
        }
    }
}

/// A shard that sleeps and is not woken does not go to sleep again: no polling, fresh and after load.
#[test]
fn an_idle_runtime_stays_asleep() {
    guarded(|| {
        for idle in [
            Idle::Adaptive,
            Idle::AlwaysPark,
            Idle::SpinBound(Duration::from_micros(100)),
        ] {
            let runtime = builder(2).idle(idle).build().unwrap();
            for _ in 0..2 {
                let parks = settled(&runtime);
                let spins = runtime.handle().metrics().total().spins_ns;
                thread::sleep(Duration::from_millis(100));
                let after = runtime.handle().metrics().total();
                assert_eq!((after.parks, after.spins_ns), (parks, spins), "{idle:?}");
                runtime.block_on(async {
                    let tasks: Vec<_> = (0..100).map(|_| spawn(yield_now())).collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                });
            }
        }
    });
}

#[test]
fn a_shard_told_to_park_never_spins() {
    guarded(|| {
        let runtime = builder(2).idle(Idle::AlwaysPark).build().unwrap();
        for _ in 0..100 {
            assert_eq!(runtime.block_on(runtime.spawn(async { 1 })).unwrap(), 1);
        }
        assert_eq!(runtime.handle().metrics().total().spins_ns, 0);
    });
}

/// Foreign threads and tasks wake sleeping shards in every way there is; one lost wake hangs this.
#[test]
fn no_shard_is_left_asleep_with_work() {
    guarded(|| {
        for (seed, idle) in [
            (0x5EED_0007, Idle::AlwaysPark),
            (0x5EED_0008, Idle::Adaptive),
        ] {
            let runtime = builder(3).idle(idle).build().unwrap();
            let threads: Vec<_> = (0..2u64)
                .map(|n| {
                    let handle = runtime.handle().clone();
                    thread::spawn(move || {
                        let mut random = Random(seed + n);
                        for _ in 0..1_000 {
                            let placement = match random.below(4) {
                                0 => Placement::Stealable,
                                1 => Placement::Pinned(shard(random.below(3))),
                                2 => Placement::Preferred(shard(random.below(3))),
                                _ => Placement::RoundRobin,
                            };
                            let (next, hops) = (shard(random.below(3)), random.below(3));
                            let task = handle.spawn_with(placement, hop(next, hops));
                            futures_lite::future::block_on(task).unwrap();
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        }
    });
}

/// Wakes a task on another shard and waits for it, a few times over.
async fn hop(next: ringmesh_sched::ShardId, hops: usize) {
    for n in 0..=hops {
        let (ready, gate) = (Gate::new(), Gate::new());
        let (there, waiting) = (Arc::clone(&ready), Arc::clone(&gate));
        let target = shard((next.index() + n) % 3);
        let waiter = spawn_with(Placement::Pinned(target), async move {
            there.open();
            waiting.wait().await;
            here::current()
        });
        ready.wait().await;
        gate.open();
        assert_eq!(waiter.await.unwrap(), Some(target));
    }
}

/// Work from outside reaches a shard that sleeps although another shard is stuck in a poll.
#[test]
fn injected_work_does_not_wait_for_a_busy_shard() {
    guarded(|| {
        let runtime = builder(2).build().unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        let (stuck, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&done));
        let started = Arc::clone(&stuck);
        let busy = runtime.spawn(async move {
            started.fetch_add(1, SeqCst);
            spin_until(|| seen.load(SeqCst) == 100);
        });
        spin_until(|| stuck.load(SeqCst) == 1);
        for _ in 0..100 {
            let done = Arc::clone(&done);
            runtime
                .block_on(runtime.spawn(async move { done.fetch_add(1, SeqCst) }))
                .unwrap();
        }
        runtime.block_on(busy).unwrap();
    });
}
