//! Which runtime is the current one.

#[path = "support/tools.rs"]
mod tools;

use ringmesh_sched::{
    BuildErrorKind, Builder, Handle, Placement, memory, shard as here, spawn, spawn_blocking,
    spawn_local, spawn_with, task, yield_now,
};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};
use tools::{Gate, builder, guarded, shard};

#[test]
fn the_runtime_entered_last_is_the_current_one() {
    guarded(|| {
        let (a, b) = (builder(1).build().unwrap(), builder(1).build().unwrap());
        let id = || Handle::try_current().ok().map(|handle| handle.runtime_id());
        assert_eq!(id(), None);
        let in_a = a.handle().enter();
        assert_eq!(id(), Some(a.handle().runtime_id()));
        let in_b = b.handle().enter();
        assert_eq!(id(), Some(b.handle().runtime_id()));
        // Left in the order of entering: the later one stays current.
        drop(in_a);
        assert_eq!(id(), Some(b.handle().runtime_id()));
        drop(in_b);
        assert_eq!(id(), None);
        // Inside a task of one, the other can be entered, and spawned on.
        let (other, own) = (b.handle().clone(), a.handle().runtime_id());
        let other_id = other.runtime_id();
        let task = a.spawn(async move {
            assert_eq!(Handle::current().runtime_id(), own);
            let entered = other.enter();
            let task = spawn(async { Handle::current().runtime_id() });
            drop(entered);
            assert_eq!(Handle::current().runtime_id(), own);
            task.await.unwrap()
        });
        assert_eq!(a.block_on(task).unwrap(), other_id);
    });
}

#[test]
fn a_wrapped_future_finds_its_runtime_on_a_foreign_executor() {
    guarded(|| {
        let runtime = builder(2).build().unwrap();
        let wrapped = runtime.handle().wrap(async {
            yield_now().await;
            spawn(async { here::current().is_some() }).await.unwrap()
        });
        assert!(futures_lite::future::block_on(wrapped));
        assert!(Handle::try_current().is_err());
    });
}

#[test]
fn blocking_jobs_are_within_their_runtime() {
    guarded(|| {
        builder(1)
            .run(async {
                let job = spawn_blocking(|| {
                    assert_eq!(here::current(), None);
                    Handle::current().block_on(async { spawn(async { 5 }).await.unwrap() })
                });
                assert_eq!(job.await.unwrap(), 5);
            })
            .unwrap();
    });
}

/// `block_on` inside a task: the shard goes on with its other tasks.
#[test]
fn block_on_inside_a_task_makes_progress() {
    guarded(|| {
        builder(1)
            .run(async {
                let gate = Gate::new();
                let (waiting, count) = (Arc::clone(&gate), Arc::new(AtomicUsize::new(0)));
                let other = Arc::clone(&count);
                drop(spawn(async move {
                    other.fetch_add(1, SeqCst);
                    gate.open();
                }));
                let task = spawn(async move {
                    let outer = task::current_id();
                    Handle::current().block_on(async { waiting.wait().await });
                    assert_eq!(task::current_id(), outer);
                    count.load(SeqCst)
                });
                assert_eq!(task.await.unwrap(), 1);
                let nested = spawn_local(async {
                    let handle = Handle::current();
                    handle.block_on(async {
                        Handle::current().block_on(async {
                            yield_now().await;
                            3
                        })
                    })
                });
                assert_eq!(nested.await.unwrap(), 3);
            })
            .unwrap();
    });
}

#[test]
fn a_runtime_cannot_be_run_on_a_shard() {
    guarded(|| {
        let error = builder(1)
            .run(async { builder(1).run(async {}).unwrap_err() })
            .unwrap();
        assert!(matches!(error.kind(), BuildErrorKind::Config(_)), "{error}");
    });
}

#[test]
fn the_main_future_borrows_and_stays_on_shard_zero() {
    let mut local = vec![1];
    let number = std::rc::Rc::new(2);
    Builder::new(memory::Factory::new())
        .shards(2)
        .run(async {
            for _ in 0..50 {
                yield_now().await;
                assert_eq!(here::current(), Some(shard(0)));
            }
            local.push(*number);
        })
        .unwrap();
    assert_eq!(local, [1, 2]);
    assert_eq!(here::current(), None);
}

#[test]
#[should_panic(expected = "no ringmesh runtime is current on this thread")]
fn spawning_outside_any_runtime_says_what_to_do() {
    drop(spawn(async {}));
}

#[test]
#[should_panic(expected = "spawn_local_on")]
fn spawning_locally_on_a_thread_that_is_no_shard_says_what_to_do() {
    drop(spawn_local(async {}));
}

#[test]
fn the_calling_thread_gets_its_cpus_back() {
    guarded(|| {
        let before = ringmesh_sys::cpu::available();
        let pinned = builder(1)
            .affinity(ringmesh_sched::Affinity::Cores(vec![before[0]]))
            .run(async { ringmesh_sys::cpu::available() })
            .unwrap();
        assert_eq!(pinned, [before[0]]);
        assert_eq!(ringmesh_sys::cpu::available(), before);
    });
}

/// A loop inside a posted closure: the bells that it owes are rung while it runs, not when it ends.
#[test]
fn a_nested_loop_rings_its_bells_at_once() {
    guarded(|| {
        let runtime = builder(2)
            .idle(ringmesh_sched::Idle::AlwaysPark)
            .build()
            .unwrap();
        let handle = runtime.handle().clone();
        let done = Gate::new();
        let (own, seen) = (handle.clone(), Arc::clone(&done));
        let nested = move || {
            for _ in 0..20 {
                // This shard is busy all the while: it never comes to its own sleep.
                let over = Arc::new(AtomicUsize::new(0));
                let end = Arc::clone(&over);
                let busy = own.spawn_with(Placement::Pinned(shard(0)), async move {
                    while end.load(SeqCst) == 0 {
                        yield_now().await;
                    }
                });
                let there = Placement::Pinned(shard(1));
                let at = own.block_on(async {
                    // Spawned inside the loop: the bell is owed in there.
                    let task = spawn_with(there, async { here::current() });
                    task.await.unwrap()
                });
                assert_eq!(at, Some(shard(1)));
                over.store(1, SeqCst);
                own.block_on(busy).unwrap();
                // Shard 1 goes to sleep again.
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            seen.open();
        };
        handle.post(shard(0), Box::new(nested)).unwrap();
        futures_lite::future::block_on(done.wait());
    });
}
