//! What a task's handle says and does.

#[path = "support/tools.rs"]
mod tools;

use std::{
    future::pending,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Poll, Waker},
};

use ringmesh_sched::{
    JoinError, JoinHandle, Placement, spawn, spawn_blocking, spawn_local, spawn_local_on,
    spawn_with, task, yield_now,
};
use tools::{Counting, Dropped, Gate, Random, builder, guarded, poll_once, shard, spin_until};

#[test]
fn outputs_arrive_from_every_kind_of_task() {
    guarded(|| {
        builder(2)
            .run(async {
                assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
                assert_eq!(*spawn_local(async { Rc::new(2) }).await.unwrap(), 2);
                assert_eq!(
                    spawn_local_on(shard(1), || async { *Rc::new(3) })
                        .await
                        .unwrap(),
                    3
                );
                assert_eq!(
                    spawn_with(Placement::RoundRobin, async { 4 })
                        .await
                        .unwrap(),
                    4
                );
                assert_eq!(spawn_blocking(|| 5).await.unwrap(), 5);
            })
            .unwrap();
    });
}

#[test]
fn an_aborted_task_ends_where_it_runs_and_says_so() {
    guarded(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&drops);
        builder(2)
            .run(async move {
                let gate = Gate::new();
                let (value, waiting) = (Dropped::new(&seen), Arc::clone(&gate));
                let waits = spawn_with(Placement::Pinned(shard(1)), async move {
                    let _value = value;
                    waiting.wait().await;
                });
                while gate.waits() == 0 {
                    yield_now().await;
                }
                waits.abort();
                waits.abort();
                let error = waits.await.unwrap_err();
                assert!(error.is_cancelled(), "{error}");
                assert_eq!(seen.load(SeqCst), 1, "dropped before the handle knows");

                // Aborted before its first poll.
                let value = Dropped::new(&seen);
                let unpolled = spawn_local(async move {
                    let _value = value;
                    pending::<()>().await;
                });
                unpolled.abort();
                assert!(unpolled.await.unwrap_err().is_cancelled());
                assert_eq!(seen.load(SeqCst), 2);

                // Too late: it was done.
                let done = spawn(async { 7 });
                while !done.is_finished() {
                    yield_now().await;
                }
                done.abort();
                assert_eq!(done.await.unwrap(), 7);
            })
            .unwrap();
    });
}

#[test]
fn a_task_may_abort_itself() {
    guarded(|| {
        builder(1)
            .run(async {
                let gate = Gate::new();
                let (opened, handle) = (Arc::clone(&gate), Arc::new(std::sync::Mutex::new(None)));
                let own: Arc<std::sync::Mutex<Option<JoinHandle<()>>>> = Arc::clone(&handle);
                let task = spawn(async move {
                    opened.wait().await;
                    own.lock().unwrap().as_ref().unwrap().abort();
                    pending::<()>().await;
                });
                *handle.lock().unwrap() = Some(task);
                gate.open();
                let finished = || {
                    handle
                        .lock()
                        .unwrap()
                        .as_ref()
                        .is_some_and(JoinHandle::is_finished)
                };
                while !finished() {
                    yield_now().await;
                }
                let task = handle.lock().unwrap().take().unwrap();
                assert!(task.await.unwrap_err().is_cancelled());
            })
            .unwrap();
    });
}

#[test]
fn a_dropped_handle_lets_its_task_run_on() {
    guarded(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&ran);
        builder(1)
            .run(async move {
                let inner = Arc::clone(&seen);
                drop(spawn(async move {
                    yield_now().await;
                    inner.fetch_add(1, SeqCst);
                }));
                while seen.load(SeqCst) == 0 {
                    yield_now().await;
                }
            })
            .unwrap();
        assert_eq!(ran.load(SeqCst), 1);
    });
}

#[test]
fn an_unwanted_output_is_dropped_once() {
    guarded(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&drops);
        builder(1)
            .run(async move {
                let (early, late) = (Dropped::new(&seen), Dropped::new(&seen));
                // Detached before it is done, and after.
                drop(spawn(async move { early }));
                let done = spawn(async move { late });
                while !done.is_finished() {
                    yield_now().await;
                }
                drop(done);
                while seen.load(SeqCst) < 2 {
                    yield_now().await;
                }
            })
            .unwrap();
        assert_eq!(drops.load(SeqCst), 2);
    });
}

/// The last waker that polled a handle is the one that is woken, exactly once.
#[test]
fn a_handle_wakes_the_last_one_who_asked() {
    guarded(|| {
        let runtime = builder(1).build().unwrap();
        let gate = Gate::new();
        let waiting = Arc::clone(&gate);
        let mut task = runtime.spawn(async move { waiting.wait().await });
        let (first, last) = (Arc::new(Counting::default()), Arc::new(Counting::default()));
        assert!(poll_once(&mut task, &Waker::from(Arc::clone(&first))).is_pending());
        assert!(poll_once(&mut task, &Waker::from(Arc::clone(&last))).is_pending());
        assert!(poll_once(&mut task, &Waker::from(Arc::clone(&last))).is_pending());
        gate.open();
        spin_until(|| last.wakes.load(SeqCst) == 1);
        assert_eq!(first.wakes.load(SeqCst), 0);
        assert!(matches!(
            poll_once(&mut task, Waker::noop()),
            Poll::Ready(Ok(()))
        ));
    });
}

#[test]
fn names_numbers_and_places_are_known_to_the_task() {
    guarded(|| {
        builder(1)
            .run(async {
                let line = line!() + 1;
                let named = task::Builder::new().name("reader").spawn(async {
                    let meta = task::current().unwrap();
                    assert_eq!(Some(meta.id()), task::current_id());
                    (
                        meta.name().map(str::to_owned),
                        meta.location().line(),
                        meta.id(),
                    )
                });
                let id = named.id();
                assert_eq!(named.await.unwrap(), (Some("reader".to_owned()), line, id));
                let line = line!() + 1;
                let plain = spawn(async { task::current().unwrap().location().line() });
                assert_eq!(plain.await.unwrap(), line);
                let outer = task::current_id();
                assert_ne!(outer, None, "the main future has a number, too");
                assert_ne!(spawn(async { task::current_id() }).await.unwrap(), outer);
                assert_eq!(task::current_id(), outer);
            })
            .unwrap();
        assert_eq!(task::current_id(), None);
    });
}

/// Tasks listed on either shard and outside, aborted from shards and from outside, while they end by
/// themselves and are moved: each handle gets one answer, and none of another task's.
#[test]
#[expect(
    clippy::async_yields_async,
    reason = "the handles are wanted, not the outputs"
)]
fn aborts_from_everywhere_hit_their_own_task_only() {
    guarded(|| {
        let runtime = builder(2).build().unwrap();
        let mut random = Random(0x5EED_0010);
        for round in 0..60 {
            let ends = |random: &mut Random| random.below(4);
            let work = |yields: usize| async move {
                for _ in 0..yields {
                    yield_now().await;
                }
                yields
            };
            let mut tasks = Vec::new();
            for n in 0..8 {
                let yields = ends(&mut random);
                tasks.push((yields, runtime.spawn(work(yields))));
                let (inner, there) = (ends(&mut random), shard(n % 2));
                let spawned = runtime
                    .handle()
                    .spawn_local_on(there, move || async move { spawn(work(inner)) });
                tasks.push((inner, runtime.block_on(spawned).unwrap()));
            }
            let mut aborted = Vec::new();
            for (yields, task) in tasks {
                match random.below(3) {
                    0 => task.abort(),
                    1 => {
                        let aborting = runtime.handle().spawn_with(
                            Placement::Pinned(shard(random.below(2))),
                            async move {
                                task.abort();
                                task
                            },
                        );
                        aborted.push((yields, runtime.block_on(aborting).unwrap()));
                        continue;
                    }
                    _ => {
                        assert_eq!(runtime.block_on(task).unwrap(), yields, "round {round}");
                        continue;
                    }
                }
                aborted.push((yields, task));
            }
            for (yields, task) in aborted {
                match runtime.block_on(task) {
                    Ok(output) => assert_eq!(output, yields, "round {round}"),
                    Err(error) => assert!(error.is_cancelled(), "round {round}: {error}"),
                }
            }
        }
        let report = runtime.shutdown(tools::HANG);
        assert!(report.finished && report.abandoned_tasks == 0, "{report:?}");
        let total = runtime.handle().metrics().total();
        assert_eq!(total.tasks_spawned, total.tasks_done);
    });
}

#[test]
fn a_blocking_job_aborted_before_it_starts_never_runs() {
    guarded(|| {
        builder(1)
            .blocking_threads(1)
            .run(async {
                let (release, hold) = std::sync::mpsc::channel::<()>();
                let first = spawn_blocking(move || hold.recv().is_ok());
                let second = spawn_blocking(|| 2);
                second.abort();
                release.send(()).unwrap();
                assert!(first.await.unwrap());
                assert!(second.await.unwrap_err().is_cancelled());
            })
            .unwrap();
    });
}

fn is_send<T: Send>() {}
fn is_sync<T: Sync>() {}
fn is_unpin<T: Unpin>() {}

#[test]
fn handles_and_errors_are_send_sync_and_unpin() {
    is_send::<JoinHandle<u8>>();
    is_sync::<JoinHandle<u8>>();
    is_unpin::<JoinHandle<std::marker::PhantomPinned>>();
    is_send::<JoinError>();
    is_sync::<JoinError>();
}
