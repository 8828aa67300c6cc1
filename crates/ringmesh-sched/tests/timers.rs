//! Sleeping, on one shard and across them.

#[path = "support/tools.rs"]
mod tools;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Waker,
    time::{Duration, Instant},
};

use ringmesh_sched::{
    Handle, Placement, spawn, spawn_with,
    time::{self, Interval, MissedTickBehavior, Sleep, Timeout, sleep, timeout},
    yield_now,
};
use tools::{Counting, Random, builder, guarded, poll_once, shard};

#[test]
fn no_sleep_ends_early() {
    guarded(|| {
        let early = builder(2)
            .run(async {
                let mut random = Random(0x5EED_0001);
                let tasks: Vec<_> = (0..400)
                    .map(|_| {
                        let nanos = random.below(30_000_000) as u64;
                        spawn(async move {
                            let wanted = Duration::from_nanos(nanos);
                            let start = Instant::now();
                            sleep(wanted).await;
                            start.elapsed() < wanted
                        })
                    })
                    .collect();
                let mut early = 0;
                for task in tasks {
                    early += usize::from(task.await.unwrap());
                }
                early
            })
            .unwrap();
        assert_eq!(early, 0);
    });
}

/// Armed here, then polled, reset and dropped on the other shard.
#[test]
fn a_sleep_may_move_between_shards() {
    guarded(|| {
        builder(2)
            .steal(false)
            .run(async {
                let there = Placement::Pinned(shard(1));
                let far = Duration::from_secs(1000);

                let mut polled = sleep(Duration::from_millis(3));
                assert!(poll_once(&mut polled, Waker::noop()).is_pending());
                let deadline = polled.deadline();
                let end = spawn_with(there, async move {
                    polled.await;
                    Instant::now()
                });
                assert!(end.await.unwrap() >= deadline);

                let mut reset = sleep(far);
                assert!(poll_once(&mut reset, Waker::noop()).is_pending());
                spawn_with(there, async move {
                    let deadline = Instant::now() + Duration::from_millis(2);
                    reset.reset(deadline);
                    reset.await;
                    assert!(Instant::now() >= deadline);
                })
                .await
                .unwrap();

                let mut dropped = sleep(far);
                assert!(poll_once(&mut dropped, Waker::noop()).is_pending());
                spawn_with(there, async move { drop(dropped) })
                    .await
                    .unwrap();
                // The note that cancels it came without a bell, and is served all the same.
                let notes = || Handle::current().metrics().shards[0].notes;
                while notes() < 1 {
                    yield_now().await;
                }
            })
            .unwrap();
    });
}

/// A reset on another shard takes the timer away from the one that was waiting: it is woken, and waits
/// where it is polled next.
#[test]
fn a_reset_elsewhere_does_not_strand_the_waiter() {
    guarded(|| {
        let runtime = builder(1).build().unwrap();
        let _entered = runtime.handle().enter();
        let waiter = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&waiter));
        let mut sleep = sleep(Duration::from_secs(1000));
        assert!(poll_once(&mut sleep, &waker).is_pending());
        sleep.reset(Instant::now());
        assert_eq!(waiter.wakes.load(SeqCst), 1);
        assert!(poll_once(&mut sleep, &waker).is_ready());
    });
}

#[test]
fn a_sleep_polled_on_a_thread_that_is_no_shard_is_woken() {
    guarded(|| {
        let runtime = builder(2).build().unwrap();
        let start = Instant::now();
        futures_lite::future::block_on(
            runtime
                .handle()
                .wrap(async { sleep(Duration::from_millis(3)).await }),
        );
        assert!(start.elapsed() >= Duration::from_millis(3));
        runtime.block_on(sleep(Duration::from_millis(1)));
    });
}

#[test]
#[should_panic(expected = "no ringmesh runtime is current")]
fn a_sleep_outside_any_runtime_says_what_to_do() {
    futures_lite::future::block_on(sleep(Duration::from_secs(1)));
}

#[test]
fn a_sleep_may_be_reset_earlier_later_and_after_its_end() {
    guarded(|| {
        builder(1)
            .run(async {
                let mut sleep = sleep(Duration::from_secs(1000));
                assert!(poll_once(&mut sleep, Waker::noop()).is_pending());
                sleep.reset(Instant::now() + Duration::from_millis(1));
                (&mut sleep).await;
                assert!(sleep.is_elapsed());
                let again = Instant::now() + Duration::from_millis(2);
                sleep.reset(again);
                assert!(!sleep.is_elapsed());
                assert_eq!(sleep.deadline(), again);
                (&mut sleep).await;
                assert!(Instant::now() >= again);
                (&mut sleep).await;
            })
            .unwrap();
    });
}

#[test]
fn sleeps_of_zero_and_of_for_ever_are_fine() {
    guarded(|| {
        builder(1)
            .run(async {
                sleep(Duration::ZERO).await;
                time::sleep_until(Instant::now() - Duration::from_millis(1)).await;
                let mut forever = sleep(Duration::MAX);
                assert!(poll_once(&mut forever, Waker::noop()).is_pending());
                assert!(timeout(Duration::from_millis(1), forever).await.is_err());
            })
            .unwrap();
    });
}

#[test]
fn a_timeout_gives_a_result_that_is_there_and_drops_what_is_late() {
    guarded(|| {
        builder(1)
            .run(async {
                let drops = Arc::new(AtomicUsize::new(0));
                let value = tools::Dropped::new(&drops);
                let late = async move {
                    let _value = value;
                    std::future::pending::<()>().await;
                };
                let error = timeout(Duration::from_millis(1), late).await.unwrap_err();
                assert_eq!(drops.load(SeqCst), 1);
                let error = std::io::Error::from(error);
                assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
                let past = Instant::now() - Duration::from_millis(1);
                assert_eq!(time::timeout_at(past, async { 3 }).await, Ok(3));
            })
            .unwrap();
    });
}

#[test]
fn missed_ticks_are_made_up_or_left_out() {
    guarded(|| {
        builder(1)
            .run(async {
                let period = Duration::from_millis(4);
                for (missed, wanted) in [
                    (MissedTickBehavior::Burst, 1..2),
                    (MissedTickBehavior::Skip, 3..1000),
                    (MissedTickBehavior::Delay, 2..1000),
                ] {
                    let mut ticks = time::interval(period);
                    ticks.set_missed_tick_behavior(missed);
                    let first = ticks.tick().await;
                    sleep(period * 2 + period / 2).await;
                    // Due one period after the first and taken late.
                    assert_eq!(ticks.tick().await, first + period, "{missed:?}");
                    let third = (ticks.tick().await - first).as_nanos();
                    let periods = third / period.as_nanos();
                    assert!(
                        wanted
                            .contains(&(periods - u128::from(missed == MissedTickBehavior::Burst))),
                        "{missed:?}: {periods}"
                    );
                    if missed == MissedTickBehavior::Skip {
                        assert_eq!(third % period.as_nanos(), 0, "a multiple of the period");
                    }
                }
            })
            .unwrap();
    });
}

/// Cancelled timers leave nothing in the wheel: neither do they fire, nor does the shard wake for them.
#[test]
fn a_cancelled_timer_never_fires() {
    guarded(|| {
        builder(1)
            .run(async {
                let waiter = Arc::new(Counting::default());
                let waker = Waker::from(Arc::clone(&waiter));
                for _ in 0..1000 {
                    let mut sleep = sleep(Duration::from_millis(1));
                    assert!(poll_once(&mut sleep, &waker).is_pending());
                }
                sleep(Duration::from_millis(3)).await;
                assert_eq!(waiter.wakes.load(SeqCst), 0);
                assert_eq!(Handle::current().metrics().total().timers_fired, 1);
            })
            .unwrap();
    });
}

fn promises<T: Send + Sync + Unpin>() {}

#[test]
fn sleeps_are_send_sync_and_unpin() {
    promises::<Sleep>();
    promises::<Interval>();
    promises::<Timeout<std::future::Ready<()>>>();
}
