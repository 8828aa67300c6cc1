//! Shards are never all asleep while there is work: the shipped `Idlers` (included) and `ParkState` with
//! a stand-in queue whose accesses are all Relaxed, so that only the protocol's own fences order them.
//!
//! Run with `RUSTFLAGS="--cfg ringmesh_loom" cargo test -p ringmesh-sched --test loom_steal_park`. Work
//! that is left behind shows as a deadlock: loom finds an execution in which every shard waits for a bell
//! that nobody rings. (crossbeam's deques are not modelled; a lock as the stand-in would hide exactly the
//! missing fence.)
#![cfg(ringmesh_loom)]

#[path = "../src/core/idlers.rs"]
mod idlers;
#[path = "../src/shim.rs"]
mod shim;

use std::sync::{
    Arc as StdArc,
    atomic::{AtomicUsize as StdAtomicUsize, Ordering as StdOrdering},
};

use idlers::{Idlers, Sleeper, Summons};
use loom::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};
use ringmesh_msg::{Notify, ParkState};

fn model(name: &str, body: impl Fn() + Sync + Send + 'static) {
    let count = StdArc::new(StdAtomicUsize::new(0));
    let iterations = StdArc::clone(&count);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.check(move || {
        count.fetch_add(1, StdOrdering::Relaxed);
        body();
    });
    println!(
        "loom {name}: {} iterations",
        iterations.load(StdOrdering::Relaxed)
    );
}

/// What a shard waits in: remembers a ring that comes before the wait.
struct Doorbell {
    rung: Mutex<bool>,
    wait: Condvar,
}

struct World {
    idlers: Idlers,
    sleepers: Vec<Sleeper>,
    bells: Vec<Doorbell>,
    /// One queue a shard, and the injector last.
    queues: Vec<AtomicUsize>,
    ran: AtomicUsize,
    total: usize,
}

impl World {
    fn new(shards: usize, total: usize) -> Arc<Self> {
        let bell = || Doorbell {
            rung: Mutex::new(false),
            wait: Condvar::new(),
        };
        Arc::new(Self {
            idlers: Idlers::new(shards),
            sleepers: (0..shards)
                .map(|_| Sleeper::new(StdArc::new(ParkState::new())))
                .collect(),
            bells: (0..shards).map(|_| bell()).collect(),
            queues: (0..=shards).map(|_| AtomicUsize::new(0)).collect(),
            ran: AtomicUsize::new(0),
            total,
        })
    }

    fn injector(&self) -> usize {
        self.sleepers.len()
    }

    fn push(&self, queue: usize) {
        self.queues[queue].fetch_add(1, Relaxed);
    }

    /// Takes a task from wherever there is one, the own queue first.
    fn take(&self, me: usize) -> bool {
        let queues = self.queues.len();
        (0..queues).any(|step| {
            let queue = &self.queues[(me + step) % queues];
            queue
                .fetch_update(Relaxed, Relaxed, |tasks| tasks.checked_sub(1))
                .is_ok()
        })
    }

    fn has_work(&self) -> bool {
        self.queues.iter().any(|queue| queue.load(Relaxed) > 0)
    }

    fn is_over(&self) -> bool {
        self.ran.load(Relaxed) == self.total
    }

    fn ring(&self, shard: usize) {
        *self.bells[shard].rung.lock().unwrap() = true;
        self.bells[shard].wait.notify_one();
    }

    fn nudge(&self, shard: usize) {
        if self.sleepers[shard].park.notify() == Notify::Ring {
            self.ring(shard);
        }
    }

    fn summon(&self, start: usize) {
        let shards = self.sleepers.len();
        let sleeper = |shard: usize| &self.sleepers[shard];
        let summons = self
            .idlers
            .summon(shards, start % shards, sleeper, || self.has_work());
        if let Summons::Ring(shard) = summons {
            self.ring(shard);
        }
    }

    /// `Core::inject`.
    fn inject(&self) {
        self.push(self.injector());
        if self.idlers.is_needed() {
            self.summon(0);
        }
    }

    /// `Shard::finish_search`.
    fn finish_search(&self, me: usize) {
        if self.idlers.stop_searching() && self.idlers.wants_offer() && self.has_work() {
            self.summon(me + 1);
        }
    }

    /// `Shard::drive`, without all that has nothing to do with sleeping.
    fn drive(&self, me: usize, mut holds_unit: bool) {
        loop {
            if self.take(me) {
                if holds_unit {
                    holds_unit = false;
                    self.finish_search(me);
                }
                // The last task ends the others, as a shutdown does: state, then nudge.
                if self.ran.fetch_add(1, Relaxed) + 1 == self.total {
                    (0..self.sleepers.len()).for_each(|shard| self.nudge(shard));
                }
                continue;
            }
            if self.is_over() {
                if holds_unit {
                    self.idlers.stop_searching();
                }
                return;
            }
            self.idlers.lie_down(&self.sleepers[me], holds_unit);
            if !self.has_work() && !self.is_over() {
                let bell = &self.bells[me];
                let mut rung = bell.rung.lock().unwrap();
                while !*rung {
                    rung = bell.wait.wait(rung).unwrap();
                }
                *rung = false;
            }
            holds_unit = self.idlers.get_up(&self.sleepers[me]);
        }
    }

    /// Every unit was given back, none twice. Only when all threads have ended.
    fn check(&self) {
        assert!(self.is_over() && !self.has_work());
        assert!(
            self.idlers.try_search(),
            "a unit of searching was left behind"
        );
        assert!(self.idlers.stop_searching(), "a unit was given back twice");
    }
}

/// A pusher trusts in a searcher that is just giving up.
#[test]
fn work_from_outside_meets_a_searcher_that_gives_up() {
    model("one searcher", || {
        let world = World::new(1, 1);
        assert!(world.idlers.try_search());
        let other = Arc::clone(&world);
        let outsider = thread::spawn(move || other.inject());
        world.drive(0, true);
        outsider.join().unwrap();
        world.check();
    });
}

/// One shard searches, the other parks; the work comes in between.
#[test]
fn work_from_outside_meets_two_shards_on_their_way_to_sleep() {
    model("two shards", || {
        let world = World::new(2, 1);
        assert!(world.idlers.try_search());
        let (first, other) = (Arc::clone(&world), Arc::clone(&world));
        let outsider = thread::spawn(move || first.inject());
        let shard = thread::spawn(move || other.drive(1, true));
        world.drive(0, false);
        outsider.join().unwrap();
        shard.join().unwrap();
        world.check();
    });
}

/// Two pushers and somebody who wakes the shard for another reason: the first pusher's summons fails,
/// for the shard is awake by itself, and the second has seen its unit of searching.
#[test]
fn a_summons_that_comes_to_nothing_misleads_nobody() {
    model("undone summons", || {
        let world = World::new(1, 2);
        let (first, second) = (Arc::clone(&world), Arc::clone(&world));
        let first = thread::spawn(move || {
            first.nudge(0);
            first.inject();
        });
        let second = thread::spawn(move || second.inject());
        world.drive(0, false);
        first.join().unwrap();
        second.join().unwrap();
        world.check();
    });
}

/// A shard with two tasks offers one and runs what is left, while a thief goes to sleep.
#[test]
fn a_thief_that_parks_meets_an_owner_that_offers() {
    model("owner and thief", || {
        let world = World::new(2, 2);
        let thief = Arc::clone(&world);
        let thief = thread::spawn(move || thief.drive(1, false));
        world.push(0);
        world.push(0);
        // `Shard::offer`: no fence, the owner runs it otherwise.
        if world.idlers.wants_offer() {
            world.summon(1);
        }
        world.drive(0, false);
        thief.join().unwrap();
        world.check();
    });
}
