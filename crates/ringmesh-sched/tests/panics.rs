//! A panic is its task's own affair.

#[path = "support/tools.rs"]
mod tools;

use std::{
    future::{Future, pending, poll_fn},
    panic,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use ringmesh_sched::{spawn, spawn_blocking, spawn_local, spawn_local_on, time, yield_now};
use tools::{Counting, Dropped, Gate, builder, guarded, poll_once, shard};

#[test]
fn a_panic_in_poll_reaches_the_handle_with_its_payload() {
    guarded(|| {
        builder(2)
            .run(async {
                let error = spawn(async { panic!("number 7") }).await.unwrap_err();
                assert!(error.is_panic() && !error.is_cancelled());
                assert!(error.to_string().contains("number 7"), "{error}");
                assert_eq!(error.into_panic().downcast_ref::<&str>(), Some(&"number 7"));
                assert!(
                    spawn_local(async { panic!() })
                        .await
                        .unwrap_err()
                        .is_panic()
                );
                assert!(spawn_blocking(|| panic!()).await.unwrap_err().is_panic());
                let make = || -> std::future::Ready<()> { panic!("no future") };
                assert!(spawn_local_on(shard(1), make).await.unwrap_err().is_panic());
                // The shards live.
                assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
                assert_eq!(spawn_local_on(shard(1), || async { 2 }).await.unwrap(), 2);
            })
            .unwrap();
    });
}

/// Done, and then panics in its destructor.
struct Grenade(Dropped);

impl Future for Grenade {
    type Output = u32;
    fn poll(self: std::pin::Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u32> {
        Poll::Ready(self.0.count.load(SeqCst) as u32)
    }
}

#[test]
fn a_panic_in_a_futures_destructor_is_its_handles() {
    guarded(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&drops);
        let done = builder(2)
            .run(async move {
                // After it returned.
                let error = spawn(Grenade(Dropped::panicking(&seen))).await.unwrap_err();
                assert!(error.is_panic());
                // When it is aborted.
                let value = Dropped::panicking(&seen);
                let task = spawn(async move {
                    let _value = value;
                    pending::<()>().await;
                });
                yield_now().await;
                task.abort();
                assert!(task.await.unwrap_err().is_panic());
                // When it panics: the first one counts.
                let value = Dropped::panicking(&seen);
                let task = spawn(async move {
                    let _value = value;
                    panic!("first")
                });
                assert!(task.await.unwrap_err().is_panic());
                // When the runtime drops it.
                let value = Dropped::panicking(&seen);
                drop(spawn(async move {
                    let _value = value;
                    pending::<()>().await;
                }));
                yield_now().await;
                5
            })
            .unwrap();
        assert_eq!((done, drops.load(SeqCst)), (5, 4));
    });
}

#[test]
fn a_panic_in_an_outputs_destructor_hurts_nobody() {
    guarded(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&drops);
        builder(1)
            .run(async move {
                // Detached before and after it was done.
                let (early, late) = (Dropped::panicking(&seen), Dropped::panicking(&seen));
                drop(spawn(async move { early }));
                let done = spawn(async move { late });
                while !done.is_finished() {
                    yield_now().await;
                }
                drop(done);
                while seen.load(SeqCst) < 2 {
                    yield_now().await;
                }
                assert_eq!(spawn(async { 1 }).await.unwrap(), 1);
            })
            .unwrap();
    });
}

#[test]
fn a_panicking_waker_stops_neither_the_task_nor_the_timer_that_calls_it() {
    guarded(|| {
        let runtime = builder(1).build().unwrap();
        let bad = Arc::new(Counting {
            panics: true,
            ..Counting::default()
        });
        let waker = Waker::from(Arc::clone(&bad));

        let gate = Gate::new();
        let waiting = Arc::clone(&gate);
        let mut task = runtime.spawn(async move { waiting.wait().await });
        assert!(poll_once(&mut task, &waker).is_pending());
        gate.open();
        tools::spin_until(|| bad.wakes.load(SeqCst) == 1);

        let guard = runtime.handle().enter();
        let mut sleep = time::sleep(std::time::Duration::from_millis(2));
        assert!(poll_once(&mut sleep, &waker).is_pending());
        tools::spin_until(|| bad.wakes.load(SeqCst) == 2);
        drop(guard);

        runtime.block_on(async {
            spawn(async {}).await.unwrap();
            time::sleep(std::time::Duration::from_millis(1)).await;
        });
        tools::spin_until(|| runtime.handle().metrics().total().panics_caught == 2);
    });
}

/// A task that calls a waker that panics, panics itself: that is its own doing.
#[test]
fn a_waker_that_panics_in_a_poll_is_that_polls_panic() {
    guarded(|| {
        builder(1)
            .run(async {
                let bad = Waker::from(Arc::new(Counting {
                    panics: true,
                    ..Counting::default()
                }));
                let task = spawn(async move { bad.wake() });
                assert!(task.await.unwrap_err().is_panic());
            })
            .unwrap();
    });
}

#[test]
fn the_main_futures_panic_comes_out_of_run_after_the_shutdown() {
    guarded(|| {
        let drops = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&drops);
        let result = panic::catch_unwind(panic::AssertUnwindSafe(move || {
            builder(2).run(async move {
                let value = Dropped::new(&seen);
                drop(spawn(async move {
                    let _value = value;
                    pending::<()>().await;
                }));
                panic!("main");
            })
        }));
        let payload = result.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"main"));
        assert_eq!(drops.load(SeqCst), 1);
    });
}

/// A payload whose destructor panics, and whose panic's payload does, too.
#[test]
fn a_payload_that_panics_when_dropped_is_contained() {
    struct Nested(u32);
    impl Drop for Nested {
        fn drop(&mut self) {
            if self.0 > 0 {
                panic::panic_any(Nested(self.0 - 1));
            }
        }
    }
    guarded(|| {
        builder(1)
            .run(async {
                drop(spawn(async { panic::panic_any(Nested(2)) }));
                for _ in 0..4 {
                    yield_now().await;
                }
                let polls = Arc::new(AtomicUsize::new(0));
                let seen = Arc::clone(&polls);
                let task = spawn(poll_fn(move |_| -> Poll<()> {
                    seen.fetch_add(1, SeqCst);
                    panic::panic_any(Nested(1))
                }));
                let error = task.await.unwrap_err();
                std::mem::forget(error.into_panic());
                assert_eq!(polls.load(SeqCst), 1);
            })
            .unwrap();
    });
}
