//! How a runtime ends.

#[path = "support/tools.rs"]
mod tools;

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Waker,
    thread,
    time::Duration,
};

use ringmesh_sched::{
    BuildErrorKind, Handle, Placement, Runtime, shard as here, spawn, spawn_local, spawn_local_on,
    spawn_with, time, yield_now,
};
use tools::{Dropped, Gate, HANG, builder, guarded, shard, spin_until};

/// Tasks that only each other's wakers know: nobody but the registry finds them.
#[test]
fn tasks_that_hold_each_other_are_dropped() {
    guarded(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let runtime = builder(2).build().unwrap();
        let (left, right) = (Gate::new(), Gate::new());
        for placement in [
            Placement::Stealable,
            Placement::Pinned(shard(0)),
            Placement::Pinned(shard(1)),
        ] {
            for (own, other) in [(&left, &right), (&right, &left)] {
                let (own, other) = (Arc::clone(own), Arc::clone(other));
                let value = Dropped::new(&drops);
                drop(runtime.handle().spawn_with(placement, async move {
                    let _value = value;
                    own.wait().await;
                    other.open();
                }));
            }
        }
        drop(runtime.handle().spawn_local_on(shard(1), {
            let value = Dropped::new(&drops);
            move || async move {
                let _value = value;
                pending::<()>().await;
            }
        }));
        spin_until(|| left.waits() == 3 && right.waits() == 3);
        let report = runtime.shutdown(HANG);
        assert!(report.finished, "{report:?}");
        assert_eq!((report.abandoned_tasks, report.leaked_ops), (0, 0));
        assert_eq!(drops.load(SeqCst), 7);
        let total = runtime.handle().metrics().total();
        assert_eq!(total.tasks_spawned, total.tasks_done);
    });
}

#[test]
fn local_tasks_are_dropped_by_the_thread_that_ran_them() {
    guarded(|| {
        struct AtHome(thread::ThreadId, Arc<AtomicBool>);
        impl Drop for AtHome {
            fn drop(&mut self) {
                self.1.store(thread::current().id() == self.0, SeqCst);
            }
        }
        let (ok, gate) = (Arc::new(AtomicBool::new(false)), Gate::new());
        let runtime = builder(2).build().unwrap();
        let (seen, waiting) = (Arc::clone(&ok), Arc::clone(&gate));
        drop(
            runtime
                .handle()
                .spawn_local_on(shard(1), move || async move {
                    let _guard = AtHome(thread::current().id(), seen);
                    waiting.wait().await;
                }),
        );
        spin_until(|| gate.waits() == 1);
        drop(runtime);
        assert!(ok.load(SeqCst));
    });
}

#[test]
fn twice_and_from_two_threads_is_the_same_end() {
    guarded(|| {
        let runtime = Arc::new(builder(2).build().unwrap());
        drop(runtime.spawn(pending::<()>()));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let runtime = Arc::clone(&runtime);
                thread::spawn(move || runtime.shutdown(HANG))
            })
            .collect();
        for thread in threads {
            assert!(thread.join().unwrap().finished);
        }
        assert!(runtime.shutdown(Duration::ZERO).finished);
    });
}

#[test]
fn from_inside_a_task_it_only_begins() {
    guarded(|| {
        let runtime = Arc::new(builder(2).build().unwrap());
        let own = Arc::clone(&runtime);
        let task = runtime.spawn(async move { own.shutdown(HANG).finished });
        assert!(!runtime.block_on(task).unwrap());
        assert!(runtime.handle().is_closed());
        assert!(runtime.shutdown(HANG).finished);
    });
}

#[test]
fn a_runtime_dropped_by_its_own_task_ends() {
    guarded(|| {
        let slot: Arc<Mutex<Option<Runtime>>> = Arc::default();
        let runtime = builder(2).build().unwrap();
        let handle = runtime.handle().clone();
        let own = Arc::clone(&slot);
        let gate = Gate::new();
        let waiting = Arc::clone(&gate);
        drop(runtime.spawn(async move {
            waiting.wait().await;
            drop(own.lock().unwrap().take());
        }));
        *slot.lock().unwrap() = Some(runtime);
        gate.open();
        // A second caller waits for the end.
        spin_until(|| handle.is_closed());
        assert!(handle.shutdown(HANG).finished);
    });
}

#[test]
fn the_main_future_may_shut_down_and_still_return() {
    guarded(|| {
        let joined = builder(2).run(async {
            let task = spawn(pending::<()>());
            assert!(!Handle::current().shutdown(HANG).finished);
            let error = task.await.unwrap_err();
            assert!(error.is_runtime_gone(), "{error}");
            let late = spawn(async {}).await.unwrap_err();
            assert!(late.is_runtime_gone(), "{late}");
            7
        });
        assert_eq!(joined.unwrap(), 7);
    });
}

#[test]
fn a_main_future_that_never_returns_is_left_at_the_deadline() {
    guarded(|| {
        let error = builder(1)
            .run(async {
                Handle::current().shutdown(Duration::from_millis(20));
                pending::<()>().await;
            })
            .unwrap_err();
        assert!(matches!(error.kind(), BuildErrorKind::ShutDown), "{error}");
    });
}

#[test]
fn spawning_on_a_runtime_that_is_gone_gives_a_value() {
    guarded(|| {
        let runtime = builder(2).build().unwrap();
        let handle = runtime.handle().clone();
        drop(runtime);
        let drops = Arc::new(AtomicUsize::new(0));
        let value = Dropped::new(&drops);
        let tasks = [
            handle.spawn(async move { drop(value) }),
            handle.spawn_with(Placement::Pinned(shard(1)), async {}),
            handle.spawn_local_on(shard(1), || async {}),
            handle.spawn_blocking(|| ()),
        ];
        for task in tasks {
            assert!(task.is_finished());
            let error = futures_lite::future::block_on(task).unwrap_err();
            assert!(error.is_runtime_gone(), "{error}");
        }
        assert_eq!(drops.load(SeqCst), 1);
        assert!(handle.post(shard(0), Box::new(|| ())).is_err());
    });
}

/// A task that spawns for ever, also from its destructor, does not keep the runtime alive.
#[test]
fn tasks_spawned_while_it_ends_are_refused() {
    guarded(|| {
        struct Spawns;
        impl Drop for Spawns {
            fn drop(&mut self) {
                if let Ok(handle) = Handle::try_current() {
                    drop(handle.spawn(async { drop(Spawns) }));
                }
            }
        }
        let runtime = builder(2).build().unwrap();
        let spawning = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&spawning);
        drop(runtime.spawn(async move {
            let _spawns = Spawns;
            loop {
                drop(spawn(async {}));
                seen.fetch_add(1, SeqCst);
                yield_now().await;
            }
        }));
        spin_until(|| spawning.load(SeqCst) > 10);
        assert!(runtime.shutdown(HANG).finished);
    });
}

#[test]
fn a_shard_stuck_in_a_poll_is_counted_at_the_deadline() {
    guarded(|| {
        let runtime = builder(2).build().unwrap();
        let (stuck, release) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let (seen, wait) = (Arc::clone(&stuck), Arc::clone(&release));
        drop(runtime.spawn(async move {
            seen.store(true, SeqCst);
            spin_until(|| wait.load(SeqCst));
        }));
        spin_until(|| stuck.load(SeqCst));
        let report = runtime.shutdown(Duration::from_millis(10));
        assert!(!report.finished);
        assert_eq!(report.stuck_shards, 1);
        release.store(true, SeqCst);
        assert!(runtime.shutdown(HANG).finished);
    });
}

#[test]
fn wakers_outlive_the_runtime_and_do_nothing() {
    guarded(|| {
        let runtime = builder(2).build().unwrap();
        let (gates, drops) = (Arc::new(Gate::default()), Arc::new(AtomicUsize::new(0)));
        for place in [
            Placement::Stealable,
            Placement::Pinned(shard(1)),
            Placement::Preferred(shard(0)),
        ] {
            let (gate, value) = (Arc::clone(&gates), Dropped::new(&drops));
            drop(runtime.handle().spawn_with(place, async move {
                let _value = value;
                gate.wait().await;
            }));
        }
        let (gate, value) = (Arc::clone(&gates), Dropped::new(&drops));
        drop(
            runtime
                .handle()
                .spawn_local_on(shard(0), move || async move {
                    let _value = value;
                    gate.wait().await;
                }),
        );
        spin_until(|| gates.waits() == 4);
        let wakers: Vec<Waker> = gates.wakers().clone();
        drop(runtime);
        assert_eq!(drops.load(SeqCst), 4);
        gates.open();
        for waker in wakers {
            waker.wake_by_ref();
            thread::spawn(move || waker.wake()).join().unwrap();
        }
        assert_eq!(drops.load(SeqCst), 4);
    });
}

/// The last waker of a detached task schedules it once more; a long chain of such tasks, each held by
/// the one before, is dropped without recursion.
#[test]
fn a_chain_of_last_wakers_is_dropped_without_recursion() {
    guarded(|| {
        struct Link(#[expect(dead_code, reason = "held for its drop")] Option<Waker>);
        let runtime = builder(1).build().unwrap();
        let held: Arc<Mutex<Option<Waker>>> = Arc::default();
        let made = Arc::new(AtomicUsize::new(0));
        const LINKS: usize = 5_000;
        for _ in 0..LINKS {
            let (held, made) = (Arc::clone(&held), Arc::clone(&made));
            let link = runtime
                .handle()
                .spawn_with(Placement::Pinned(shard(0)), async move {
                    let mut first = true;
                    let mut link = None;
                    std::future::poll_fn(move |cx| {
                        if std::mem::take(&mut first) {
                            let previous = held.lock().unwrap().replace(cx.waker().clone());
                            link = Some(Link(previous));
                            made.fetch_add(1, SeqCst);
                        }
                        let _ = &link;
                        std::task::Poll::<()>::Pending
                    })
                    .await;
                });
            drop(link);
        }
        spin_until(|| made.load(SeqCst) == LINKS);
        drop(runtime);
        drop(held.lock().unwrap().take());
    });
}

#[test]
fn many_runtimes_come_and_go_under_load() {
    guarded(|| {
        for round in 0..150 {
            let runtime = builder(1 + round % 3).build().unwrap();
            for n in 0..20 {
                drop(runtime.spawn(async move {
                    for _ in 0..n {
                        yield_now().await;
                    }
                    spawn_local(async { yield_now().await }).await.unwrap();
                    drop(spawn_with(Placement::RoundRobin, pending::<()>()));
                    drop(spawn_local_on(shard(0), pending::<()>));
                    drop(spawn(time::sleep(Duration::from_secs(1000))));
                    here::current()
                }));
            }
            if round % 2 == 0 {
                runtime.block_on(yield_now());
            }
            let report = runtime.shutdown(HANG);
            assert!(report.finished, "round {round}: {report:?}");
            assert_eq!(report.abandoned_tasks, 0, "round {round}");
        }
    });
}

/// A main future that waits for mail on a shard which shuts down still hears it.
#[test]
fn mail_reaches_the_main_future_while_the_runtime_ends() {
    guarded(|| {
        let heard = builder(2).run(async {
            let mut inbox = here::inbox().unwrap();
            let handle = Handle::current();
            let own = handle.shard(shard(0)).unwrap();
            let sender = thread::spawn(move || {
                spin_until(|| handle.is_closed());
                thread::sleep(Duration::from_millis(20));
                own.try_send_raw(1, 42).unwrap();
            });
            Handle::current().shutdown(HANG);
            let heard = inbox.next_message().await.is_some();
            sender.join().unwrap();
            heard
        });
        assert!(heard.unwrap());
    });
}
