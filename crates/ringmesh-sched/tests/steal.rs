//! Which shard runs what.

#[path = "support/tools.rs"]
mod tools;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use ringmesh_sched::{
    EventKind, Handle, Placement, shard as here, spawn, spawn_local, spawn_local_on, spawn_with,
    yield_now,
};
use tools::{Gate, builder, guarded, shard, spin_until};

/// The waker polls on until somebody else has run what it woke: a bell that waits for the end of the
/// poll, or a backlog that is offered only before the next poll, hangs here.
#[test]
fn a_burst_starts_elsewhere_while_its_waker_polls_on() {
    guarded(|| {
        for burst in [2, 4] {
            let started = builder(2).run(async move {
                let gate = Gate::new();
                let started = Arc::new(AtomicUsize::new(0));
                let tasks: Vec<_> = (0..burst)
                    .map(|_| {
                        let (gate, started) = (Arc::clone(&gate), Arc::clone(&started));
                        spawn(async move {
                            gate.wait().await;
                            started.fetch_add(1, SeqCst);
                            here::current().unwrap()
                        })
                    })
                    .collect();
                while gate.waits() < burst {
                    yield_now().await;
                }
                let first = Arc::clone(&started);
                let waker = spawn(async move {
                    gate.open();
                    spin_until(|| first.load(SeqCst) > 0);
                    here::current().unwrap()
                });
                let waker = waker.await.unwrap();
                let mut elsewhere = 0;
                for task in tasks {
                    elsewhere += usize::from(task.await.unwrap() != waker);
                }
                elsewhere
            });
            assert!(started.unwrap() > 0);
        }
    });
}

/// Each time the task waits, a task of its shard wakes it and then keeps the shard busy until it has gone
/// on elsewhere.
#[test]
fn a_task_may_be_stolen_at_every_await() {
    guarded(|| {
        const MOVES: usize = 20;
        let (task, events) = builder(2)
            .record_events(true)
            .run(async {
                let at = Arc::new(AtomicUsize::new(0));
                let mover = spawn(async move {
                    for _ in 0..MOVES {
                        let gate = Gate::new();
                        let (holder, arrived) = (Arc::clone(&gate), Arc::clone(&at));
                        let before = at.load(SeqCst);
                        let hold = spawn_local(async move {
                            while holder.waits() < 2 {
                                yield_now().await;
                            }
                            // Two are woken: one may stay in the slot for the task woken last.
                            holder.open();
                            spin_until(|| arrived.load(SeqCst) > before);
                        });
                        let (decoy, count) = (Arc::clone(&gate), Arc::clone(&at));
                        let decoy = spawn(async move {
                            decoy.wait().await;
                            count.fetch_add(1, SeqCst);
                        });
                        gate.wait().await;
                        at.fetch_add(1, SeqCst);
                        decoy.await.unwrap();
                        hold.await.unwrap();
                    }
                });
                let id = mover.id();
                mover.await.unwrap();
                (id, Handle::current().events())
            })
            .unwrap();
        let thefts = events
            .iter()
            .filter(|e| matches!(e.kind, EventKind::Stolen { .. }))
            .count();
        assert!(thefts >= MOVES, "{thefts} thefts");
        let shards: HashSet<_> = events
            .iter()
            .filter(|e| e.kind == EventKind::Polled { task })
            .map(|e| e.shard)
            .collect();
        assert_eq!(shards.len(), 2, "the task was polled on both shards");
    });
}

#[test]
fn pinned_and_local_tasks_never_move() {
    guarded(|| {
        builder(3)
            .run(async {
                // Work for thieves, so that they are about.
                let crowd: Vec<_> = (0..50).map(|_| spawn(wander(200))).collect();
                let mut stayed = Vec::new();
                for index in 0..3 {
                    let target = shard(index);
                    stayed.push((target, spawn_with(Placement::Pinned(target), wander(200))));
                    stayed.push((target, spawn_local_on(target, || wander(200))));
                }
                for (target, task) in stayed {
                    assert_eq!(task.await.unwrap(), HashSet::from([target]));
                }
                for task in crowd {
                    task.await.unwrap();
                }
            })
            .unwrap();
    });
}

async fn wander(steps: usize) -> HashSet<ringmesh_sched::ShardId> {
    let mut seen = HashSet::new();
    for _ in 0..steps {
        seen.insert(here::current().unwrap());
        yield_now().await;
    }
    seen
}

#[test]
fn without_stealing_tasks_stay_where_they_were_spawned() {
    guarded(|| {
        builder(2)
            .steal(false)
            .run(async {
                let tasks: Vec<_> = (0..50).map(|_| spawn(wander(50))).collect();
                for task in tasks {
                    assert_eq!(task.await.unwrap(), HashSet::from([shard(0)]));
                }
            })
            .unwrap();
    });
}

#[test]
fn placements_put_tasks_where_they_say() {
    guarded(|| {
        builder(3)
            .steal(false)
            .run(async {
                let at = |placement| spawn_with(placement, async { here::current().unwrap() });
                assert_eq!(at(Placement::Pinned(shard(2))).await.unwrap(), shard(2));
                assert_eq!(at(Placement::Preferred(shard(1))).await.unwrap(), shard(1));
                assert_eq!(at(Placement::Stealable).await.unwrap(), shard(0));
                let sticky = at(Placement::Sticky(77)).await.unwrap();
                assert_eq!(at(Placement::Sticky(77)).await.unwrap(), sticky);
                let mut robin = HashSet::new();
                for _ in 0..3 {
                    robin.insert(at(Placement::RoundRobin).await.unwrap());
                }
                // Woken or started, a task that prefers nothing may also start where it was injected.
                assert!(!robin.is_empty());
                let spread: HashSet<_> = {
                    let mut spread = HashSet::new();
                    for key in 0..64 {
                        spread.insert(at(Placement::Sticky(key)).await.unwrap());
                    }
                    spread
                };
                assert_eq!(spread.len(), 3, "64 keys use all shards");
            })
            .unwrap();
    });
}

#[test]
fn a_preferred_task_returns_to_its_shard_when_woken_elsewhere() {
    guarded(|| {
        builder(2)
            .steal(false)
            .run(async {
                let gate = Gate::new();
                let waiting = Arc::clone(&gate);
                let task = spawn_with(Placement::Preferred(shard(1)), async move {
                    waiting.wait().await;
                    here::current().unwrap()
                });
                while gate.waits() == 0 {
                    yield_now().await;
                }
                gate.open();
                assert_eq!(task.await.unwrap(), shard(1));
            })
            .unwrap();
    });
}

#[test]
fn a_shard_that_does_not_exist_is_a_value() {
    builder(2)
        .run(async {
            let error = spawn_with(Placement::Pinned(shard(7)), async {})
                .await
                .unwrap_err();
            assert!(error.is_no_such_shard() && !error.is_cancelled() && !error.is_panic());
            assert!(error.to_string().contains("there is no shard 7"), "{error}");
            let error = spawn_local_on(shard(2), || async {}).await.unwrap_err();
            assert!(error.is_no_such_shard());
            assert!(Handle::current().shard(shard(2)).is_err());
        })
        .unwrap();
}

/// Stealable work that queues behind a pinned task that computes is a backlog for others.
#[test]
fn work_behind_a_pinned_task_is_stolen() {
    guarded(|| {
        builder(2)
            .run(async {
                let ran = Arc::new(AtomicUsize::new(0));
                let seen = Arc::clone(&ran);
                let pinned = spawn_local(async move {
                    let tasks: Vec<_> = (0..2)
                        .map(|_| {
                            let seen = Arc::clone(&seen);
                            spawn(async move { seen.fetch_add(1, SeqCst) })
                        })
                        .collect();
                    spin_until(|| seen.load(SeqCst) == 2);
                    tasks.into_iter().for_each(drop);
                });
                pinned.await.unwrap();
                assert_eq!(ran.load(SeqCst), 2);
            })
            .unwrap();
    });
}

/// The task in the slot for the task woken last is stolen from a shard that is stuck, and then the thief
/// goes to sleep: a slot that still looks full must not keep it awake.
#[test]
fn a_thief_sleeps_beside_a_stuck_shard_that_it_has_robbed() {
    guarded(|| {
        builder(2)
            .run(async {
                let gate = Gate::new();
                let ran = Arc::new(AtomicUsize::new(0));
                let tasks: Vec<_> = (0..2)
                    .map(|_| {
                        let (gate, ran) = (Arc::clone(&gate), Arc::clone(&ran));
                        spawn(async move {
                            gate.wait().await;
                            ran.fetch_add(1, SeqCst);
                        })
                    })
                    .collect();
                while gate.waits() < 2 {
                    yield_now().await;
                }
                let stuck = spawn(async move {
                    gate.open();
                    // One of the two lies in the slot of this shard.
                    spin_until(|| ran.load(SeqCst) == 2);
                    let thief = 1 - here::current().unwrap().index();
                    let parks = || Handle::current().metrics().shards[thief].parks;
                    let before = parks();
                    spin_until(|| parks() > before || is_parked(thief));
                });
                stuck.await.unwrap();
                for task in tasks {
                    task.await.unwrap();
                }
            })
            .unwrap();
    });
}

/// Whether a shard does nothing for a while: neither polls nor spins.
fn is_parked(shard: usize) -> bool {
    let look = || {
        let metrics = Handle::current().metrics().shards[shard];
        (metrics.spins_ns, metrics.steals_tried)
    };
    let before = look();
    std::thread::sleep(std::time::Duration::from_millis(50));
    look() == before
}
