//! What the loop promises a driver, seen by a driver that writes it down.

#[path = "support/tools.rs"]
mod tools;

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Waker,
    thread,
    time::{Duration, Instant},
};

use ringmesh_sched::{
    Bell, BuildError, Builder, Driver, DriverFactory, Handle, Idle, Placement, Prepared, Seat,
    ShardId, memory, shard as here, spawn, spawn_local, spawn_with, yield_now,
};
use tools::{Gate, HANG, guarded, shard, spin_until};

thread_local! {
    /// The driver of this thread's shard.
    static OPS: RefCell<Option<Rc<Ops>>> = const { RefCell::new(None) };
}

/// Operations that complete when they are reaped: each is a waker to be called.
#[derive(Default)]
struct Ops {
    queued: RefCell<Vec<Waker>>,
    flying: RefCell<Vec<Waker>>,
    /// Held back until `cancel_all`, or for ever.
    stuck: Cell<usize>,
    stubborn: Cell<bool>,
    submits: Cell<usize>,
    parks_with_queue: Cell<usize>,
    reaping: Cell<bool>,
    bells: RefCell<Vec<usize>>,
    now: Cell<Option<Instant>>,
}

impl Ops {
    fn here() -> Rc<Ops> {
        OPS.with(|ops| Rc::clone(ops.borrow().as_ref().expect("on a shard")))
    }
}

struct Noting {
    inner: Box<dyn Driver>,
    ops: Rc<Ops>,
}

impl Driver for Noting {
    fn now(&self) -> Instant {
        self.ops.now.get().unwrap_or_else(|| self.inner.now())
    }

    fn submit(&self) {
        self.ops.submits.set(self.ops.submits.get() + 1);
        let queued = self.ops.queued.take();
        self.ops.flying.borrow_mut().extend(queued);
    }

    fn reap(&self, budget: usize) -> usize {
        assert!(
            !self.ops.reaping.replace(true),
            "reap is not entered twice here"
        );
        let mut reaped = self.inner.reap(budget);
        for _ in 0..budget {
            let Some(waker) = self.ops.flying.borrow_mut().pop() else {
                break;
            };
            // No borrow is held: the waker may do what it likes.
            waker.wake();
            reaped += 1;
        }
        self.ops.reaping.set(false);
        reaped
    }

    fn ready(&self) -> bool {
        self.inner.ready() || !self.ops.flying.borrow().is_empty()
    }

    fn unsubmitted(&self) -> usize {
        self.ops.queued.borrow().len()
    }

    fn park(&self, until: Option<Instant>) {
        if self.unsubmitted() > 0 {
            self.ops
                .parks_with_queue
                .set(self.ops.parks_with_queue.get() + 1);
            self.submit();
            return;
        }
        self.inner.park(until);
    }

    fn bell(&self, to: ShardId) {
        self.bells(&[to]);
    }

    fn bells(&self, to: &[ShardId]) {
        assert!(
            !self.ops.reaping.get(),
            "bells wait for the end of the reap"
        );
        self.ops.bells.borrow_mut().push(to.len());
        to.iter().for_each(|&to| self.inner.bell(to));
    }

    fn inflight(&self) -> usize {
        self.ops.flying.borrow().len() + self.ops.stuck.get()
    }

    fn cancel_all(&self) {
        if !self.ops.stubborn.get() {
            self.ops.stuck.set(0);
        }
    }

    fn leak(&self) -> usize {
        self.ops.stuck.replace(0)
    }

    fn name(&self) -> &'static str {
        "noting"
    }
}

struct Factory;

struct Unstarted(Box<dyn Prepared>);

impl DriverFactory for Factory {
    fn prepare(&self, shards: usize) -> Result<Vec<Box<dyn Prepared>>, BuildError> {
        let prepared = memory::Factory::new().prepare(shards)?;
        Ok(prepared
            .into_iter()
            .map(|inner| Box::new(Unstarted(inner)) as Box<dyn Prepared>)
            .collect())
    }
}

impl Prepared for Unstarted {
    fn bell(&self) -> Arc<dyn Bell> {
        self.0.bell()
    }

    fn start(self: Box<Self>, seat: Seat) -> io::Result<Box<dyn Driver>> {
        let ops = Rc::<Ops>::default();
        OPS.set(Some(Rc::clone(&ops)));
        Ok(Box::new(Noting {
            inner: self.0.start(seat)?,
            ops,
        }))
    }
}

fn builder(shards: usize) -> Builder {
    Builder::new(Factory).shards(shards)
}

/// An operation: queued at the first poll, done when it is reaped.
async fn op() {
    let mut queued = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut queued, true) {
            return std::task::Poll::Ready(());
        }
        Ops::here().queued.borrow_mut().push(cx.waker().clone());
        std::task::Poll::Pending
    })
    .await;
}

#[test]
fn operations_complete_in_every_idle_mode() {
    guarded(|| {
        for idle in [
            Idle::Adaptive,
            Idle::AlwaysPark,
            Idle::SpinBound(Duration::from_millis(1)),
        ] {
            builder(2)
                .idle(idle)
                .run(async {
                    let tasks: Vec<_> = (0..200)
                        .map(|n| {
                            spawn(async move {
                                for _ in 0..n % 5 {
                                    op().await;
                                }
                            })
                        })
                        .collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                })
                .unwrap();
        }
    });
}

/// A shard that sleeps at once submits in the call that waits; one that looks around submits before.
#[test]
fn the_last_operations_are_submitted_by_the_park_or_before_the_pause() {
    guarded(|| {
        for (idle, by_park) in [(Idle::AlwaysPark, true), (Idle::Adaptive, false)] {
            builder(1)
                .idle(idle)
                .run(async move {
                    for _ in 0..10 {
                        spawn_local(op()).await.unwrap();
                    }
                    let ops = Ops::here();
                    assert_eq!(ops.submits.get(), 10);
                    assert_eq!(ops.parks_with_queue.get() == 10, by_park, "{idle:?}");
                })
                .unwrap();
        }
    });
}

/// Operations do not wait for the queue to run dry.
#[test]
fn operations_are_submitted_while_others_are_queued() {
    guarded(|| {
        builder(1)
            .submit_every(4)
            .run(async {
                let done = Arc::new(AtomicUsize::new(0));
                let seen = Arc::clone(&done);
                drop(spawn_local(async move {
                    op().await;
                    seen.fetch_add(1, SeqCst);
                }));
                // A queue that never runs dry until the operation is done.
                let tasks: Vec<_> = (0..3)
                    .map(|_| {
                        let done = Arc::clone(&done);
                        spawn_local(async move {
                            while done.load(SeqCst) == 0 {
                                yield_now().await;
                            }
                        })
                    })
                    .collect();
                for task in tasks {
                    task.await.unwrap();
                }
                // And one that does not end is submitted within so many polls.
                let before = Ops::here().submits.get();
                drop(spawn_local(async { op().await }));
                let mut polls = 0;
                while Ops::here().submits.get() == before {
                    yield_now().await;
                    polls += 1;
                }
                assert!(polls <= 4, "{polls} polls");
            })
            .unwrap();
    });
}

/// Wakers called from a reap wake tasks of other shards: their bells are rung together, after it.
#[test]
fn bells_owed_by_one_reap_are_rung_together() {
    guarded(|| {
        builder(3)
            .idle(Idle::AlwaysPark)
            .run(async {
                let gate = Gate::new();
                let mut tasks = Vec::new();
                for index in 1..3 {
                    let gate = Arc::clone(&gate);
                    tasks.push(spawn_with(Placement::Pinned(shard(index)), async move {
                        gate.wait().await;
                        here::current()
                    }));
                }
                let parked = || {
                    let metrics = Handle::current().metrics();
                    metrics.shards[1].parks > 0 && metrics.shards[2].parks > 0
                };
                while gate.waits() < 2 || !parked() {
                    // The loop goes round: shards 1 and 2 go to sleep meanwhile.
                    op().await;
                }
                thread::sleep(Duration::from_millis(20));
                struct Opens(Arc<Gate>);
                impl std::task::Wake for Opens {
                    fn wake(self: Arc<Self>) {
                        self.0.open();
                    }
                }
                let ops = Ops::here();
                ops.bells.borrow_mut().clear();
                ops.queued
                    .borrow_mut()
                    .push(Waker::from(Arc::new(Opens(gate))));
                for task in tasks {
                    assert!(task.await.unwrap().is_some());
                }
                assert_eq!(ops.bells.borrow().first(), Some(&2));
            })
            .unwrap();
    });
}

/// A waker called from a reap spawns, drops tasks, and looks at the runtime.
#[test]
fn a_waker_called_from_a_reap_may_do_anything() {
    guarded(|| {
        builder(1)
            .run(async {
                struct Busy(AtomicUsize);
                impl std::task::Wake for Busy {
                    fn wake(self: Arc<Self>) {
                        let own = Arc::clone(&self);
                        let aborted = spawn(std::future::pending::<()>());
                        aborted.abort();
                        drop(spawn_local(async move {
                            op().await;
                            own.0.fetch_add(1, SeqCst);
                        }));
                        assert_eq!(here::current(), Some(shard(0)));
                        assert!(Handle::current().metrics().total().polls > 0);
                    }
                }
                let busy = Arc::new(Busy(AtomicUsize::new(0)));
                for _ in 0..10 {
                    Ops::here()
                        .queued
                        .borrow_mut()
                        .push(Waker::from(Arc::clone(&busy)));
                }
                while busy.0.load(SeqCst) < 10 {
                    yield_now().await;
                }
            })
            .unwrap();
    });
}

#[test]
fn operations_in_flight_are_cancelled_and_stubborn_ones_leaked_and_counted() {
    guarded(|| {
        for (stubborn, leaked) in [(false, 0), (true, 3)] {
            let runtime = builder(2).build().unwrap();
            let started = runtime
                .handle()
                .spawn_local_on(shard(1), move || async move {
                    Ops::here().stuck.set(3);
                    Ops::here().stubborn.set(stubborn);
                });
            runtime.block_on(started).unwrap();
            let deadline = if stubborn {
                Duration::from_millis(20)
            } else {
                HANG
            };
            let report = runtime.shutdown(deadline);
            assert!(report.finished, "{report:?}");
            assert_eq!(report.leaked_ops, leaked);
        }
    });
}

/// The loop knows no other clock than its driver's.
#[test]
fn timers_go_by_the_drivers_clock() {
    guarded(|| {
        builder(1)
            .run(async {
                let ops = Ops::here();
                let start = Instant::now();
                ops.now.set(Some(start));
                let sleep = spawn_local(ringmesh_sched::time::sleep(Duration::from_secs(3600)));
                for _ in 0..20 {
                    yield_now().await;
                }
                assert!(!sleep.is_finished());
                ops.now.set(Some(start + Duration::from_secs(3600)));
                sleep.await.unwrap();
                ops.now.set(None);
            })
            .unwrap();
    });
}

/// A task that has an operation armed on one ring and is polled on another shard is counted.
#[test]
fn polls_with_an_operation_armed_elsewhere_are_counted() {
    guarded(|| {
        let runtime = builder(2).build().unwrap();
        let gate = Gate::new();
        let waiting = Arc::clone(&gate);
        let task = runtime
            .handle()
            .spawn_with(Placement::Pinned(shard(1)), async move {
                let meta = ringmesh_sched::task::current().unwrap();
                // As if its operation stood on ring 0; ring 0's shard does the counting.
                let arming = Arc::clone(&meta);
                let arm = Handle::current()
                    .spawn_local_on(shard(0), move || async move { arming.arm(shard(0)) });
                arm.await.unwrap();
                waiting.wait().await;
                let counted = Handle::current().metrics().shards[1].polls_op_elsewhere;
                let disarm = Handle::current()
                    .spawn_local_on(shard(0), move || async move { meta.disarm(shard(0)) });
                disarm.await.unwrap();
                counted
            });
        spin_until(|| gate.waits() == 1);
        gate.open();
        assert!(runtime.block_on(task).unwrap() > 0);
        let total = runtime.handle().metrics().total().polls_op_elsewhere;
        runtime.block_on(runtime.spawn(yield_now())).unwrap();
        assert_eq!(runtime.handle().metrics().total().polls_op_elsewhere, total);
    });
}
