//! The pool for functions that block.

#[path = "support/tools.rs"]
mod tools;

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use ringmesh_sched::spawn_blocking;
use tools::{builder, guarded, spin_until};

#[test]
fn jobs_run_at_once_up_to_the_bound_and_then_queue() {
    guarded(|| {
        builder(1)
            .blocking_threads(3)
            .run(async {
                let (running, most) =
                    (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
                let together = Arc::new(Barrier::new(3));
                let jobs: Vec<_> = (0..30)
                    .map(|_| {
                        let (running, most) = (Arc::clone(&running), Arc::clone(&most));
                        let together = Arc::clone(&together);
                        spawn_blocking(move || {
                            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
                            // Three at a time, or this hangs.
                            together.wait();
                            running.fetch_sub(1, SeqCst);
                        })
                    })
                    .collect();
                for job in jobs {
                    job.await.unwrap();
                }
                assert_eq!(most.load(SeqCst), 3);
            })
            .unwrap();
    });
}

#[test]
fn jobs_that_wait_are_dropped_at_shutdown_and_one_that_runs_is_reported() {
    guarded(|| {
        let runtime = builder(1).blocking_threads(1).build().unwrap();
        let (release, hold) = mpsc::channel::<()>();
        let started = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&started);
        let running = runtime.handle().spawn_blocking(move || {
            seen.fetch_add(1, SeqCst);
            hold.recv().is_ok()
        });
        spin_until(|| started.load(SeqCst) == 1);
        let waiting = runtime.handle().spawn_blocking(|| 2);
        let report = runtime.shutdown(Duration::from_millis(5));
        assert_eq!(report.blocking_running, 1);
        let error = futures_lite::future::block_on(waiting).unwrap_err();
        assert!(error.is_runtime_gone(), "{error}");
        release.send(()).unwrap();
        assert!(futures_lite::future::block_on(running).unwrap());
    });
}
