//! A driver without operations: shards that compute, talk and sleep.
//!
//! For tests and documentation of this crate, and for programs that need no I/O. A parked shard waits on
//! a condition variable.

use std::{
    fmt, io,
    sync::Arc,
    sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::Instant,
};

use parking_lot::{Condvar, Mutex};
use ringmesh_msg::{Bell, ShardId};

use crate::{BuildError, Driver, DriverFactory, Prepared, Seat};

/// Makes in-memory drivers.
///
/// ```
/// use ringmesh_sched::{Builder, memory};
///
/// let answer = Builder::new(memory::Factory::new()).shards(2).run(async { 42 });
/// assert_eq!(answer.unwrap(), 42);
/// ```
#[derive(Debug, Default, Clone, Copy)]
pub struct Factory(());

impl Factory {
    /// A factory.
    pub fn new() -> Self {
        Self(())
    }
}

impl DriverFactory for Factory {
    fn prepare(&self, shards: usize) -> Result<Vec<Box<dyn Prepared>>, BuildError> {
        let gongs: Arc<[Arc<Gong>]> = (0..shards).map(|_| Arc::default()).collect();
        Ok((0..shards)
            .map(|shard| {
                Box::new(Unstarted {
                    shard,
                    gongs: Arc::clone(&gongs),
                }) as Box<dyn Prepared>
            })
            .collect())
    }
}

/// What a shard waits on.
#[derive(Default)]
struct Gong {
    /// Also outside the lock, for the look that costs one load.
    rung: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Gong {
    fn wait(&self, until: Option<Instant>) {
        let mut guard = self.lock.lock();
        // Relaxed: written under the lock that we hold.
        while !self.rung.load(Relaxed) {
            match until {
                Some(until) if self.changed.wait_until(&mut guard, until).timed_out() => break,
                Some(_) => {}
                None => self.changed.wait(&mut guard),
            }
        }
        self.rung.store(false, Relaxed);
    }
}

impl Bell for Gong {
    fn ring(&self) {
        let guard = self.lock.lock();
        // Release pairs with the Acquire in `ready`.
        self.rung.store(true, Release);
        drop(guard);
        self.changed.notify_one();
    }
}

impl fmt::Debug for Gong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Gong({})",
            if self.rung.load(Relaxed) {
                "rung"
            } else {
                "silent"
            }
        )
    }
}

struct Unstarted {
    shard: usize,
    gongs: Arc<[Arc<Gong>]>,
}

impl Prepared for Unstarted {
    fn bell(&self) -> Arc<dyn Bell> {
        Arc::clone(&self.gongs[self.shard]) as Arc<dyn Bell>
    }

    fn start(self: Box<Self>, _seat: Seat) -> io::Result<Box<dyn Driver>> {
        Ok(Box::new(Memory {
            shard: self.shard,
            gongs: self.gongs,
        }))
    }
}

struct Memory {
    shard: usize,
    gongs: Arc<[Arc<Gong>]>,
}

impl Memory {
    fn gong(&self) -> &Gong {
        &self.gongs[self.shard]
    }
}

impl Driver for Memory {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn submit(&self) {}

    /// Takes the bell's ringing for a completion, so that it does not end the next wait.
    fn reap(&self, _budget: usize) -> usize {
        self.gong().rung.store(false, Relaxed);
        0
    }

    fn ready(&self) -> bool {
        self.gong().rung.load(Acquire)
    }

    fn unsubmitted(&self) -> usize {
        0
    }

    fn park(&self, until: Option<Instant>) {
        self.gong().wait(until);
    }

    fn bell(&self, to: ShardId) {
        self.gongs[to.index()].ring();
    }

    fn inflight(&self) -> usize {
        0
    }

    fn cancel_all(&self) {}

    fn leak(&self) -> usize {
        0
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
