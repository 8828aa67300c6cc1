//! The phases of a shutdown, and the barriers between them.
//!
//! 1. *Draining*: no task is taken in any more. Every shard wakes the tasks it is answerable for and
//!    drops whatever it finds in its queues, until its registry is empty. Inboxes are still served,
//!    for dropped tasks cancel operations on other shards' rings.
//! 2. *Cancelling*, once all shards have drained: every shard cancels what its kernel holds, and reaps
//!    and serves its inbox until all shards are quiet.
//! 3. *Closed*: inboxes give pushes back, drivers are dropped, bells fall silent.
//!
//! The barriers are there because a shard that leaves first strands what the others send it: cancels,
//! wakes of pinned tasks, buffers that come home. At the deadline a shard goes on by itself, and what
//! the kernel still holds is leaked and counted.

use std::{
    sync::atomic::{
        AtomicU8, AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

use crate::time::later;

/// How far a shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    Running = 0,
    Draining = 1,
    Closed = 2,
}

/// Where the shards of a runtime meet when it shuts down.
#[derive(Debug)]
pub(crate) struct Shutdown {
    phase: AtomicU8,
    shards: usize,
    drained: AtomicUsize,
    quiet: AtomicUsize,
    progress: Mutex<Progress>,
    ended: Condvar,
}

#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Progress {
    deadline: Option<Instant>,
    /// Shards whose driver is gone.
    pub(crate) ended: usize,
    /// Operations leaked at the deadline.
    pub(crate) leaked: usize,
    /// Tasks that were not dropped by the deadline.
    pub(crate) abandoned: usize,
}

/// How long after the deadline the caller still waits for the shards to leak and leave. Picked.
const GRACE: Duration = Duration::from_millis(500);

impl Shutdown {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Running as u8),
            shards,
            drained: AtomicUsize::new(0),
            quiet: AtomicUsize::new(0),
            progress: Mutex::new(Progress::default()),
            ended: Condvar::new(),
        }
    }

    /// How far the shutdown has come: one load.
    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        // Acquire pairs with the Release in `begin` and `end`.
        match self.phase.load(Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Closed,
        }
    }

    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.phase.load(Relaxed) == Phase::Running as u8
    }

    /// Starts the shutdown, or brings its deadline forward. The caller owes every shard a nudge.
    pub(crate) fn begin(&self, deadline: Duration) {
        let deadline = later(Instant::now(), deadline);
        let mut progress = self.progress.lock();
        progress.deadline = Some(progress.deadline.map_or(deadline, |old| old.min(deadline)));
        let running = Phase::Running as u8;
        // Failure: it has been started before.
        let _ = self
            .phase
            .compare_exchange(running, Phase::Draining as u8, Release, Relaxed);
    }

    /// When to give up.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.progress.lock().deadline
    }

    /// A shard has no tasks left. `true` for the last one, who owes the others a nudge.
    pub(crate) fn arrive_drained(&self) -> bool {
        self.drained.fetch_add(1, AcqRel) + 1 == self.shards
    }

    pub(crate) fn all_drained(&self) -> bool {
        self.drained.load(Acquire) >= self.shards
    }

    /// A shard has nothing in flight. `true` for the last one, who owes the others a nudge.
    pub(crate) fn arrive_quiet(&self) -> bool {
        self.quiet.fetch_add(1, AcqRel) + 1 == self.shards
    }

    pub(crate) fn all_quiet(&self) -> bool {
        self.quiet.load(Acquire) >= self.shards
    }

    /// A shard is gone. `true` for the last one, who owes the runtime its burial.
    pub(crate) fn end(&self, leaked: usize, abandoned: usize) -> bool {
        let mut progress = self.progress.lock();
        progress.ended += 1;
        progress.leaked += leaked;
        progress.abandoned += abandoned;
        let last = progress.ended == self.shards;
        if last {
            self.phase.store(Phase::Closed as u8, Release);
        }
        last
    }

    /// After the burial: those who wait may go on.
    pub(crate) fn announce(&self) {
        let _progress = self.progress.lock();
        self.ended.notify_all();
    }

    /// Waits until all shards are gone, at most until a little after the deadline, the caller's or the
    /// shutdown's, whichever is later.
    pub(crate) fn wait(&self, patience: Duration) -> Progress {
        let mut progress = self.progress.lock();
        let own = later(Instant::now(), patience);
        let until = progress.deadline.map_or(own, |deadline| deadline.max(own)) + GRACE;
        while progress.ended < self.shards {
            if self.ended.wait_until(&mut progress, until).timed_out() {
                break;
            }
        }
        *progress
    }

    /// Whether all shards are gone.
    pub(crate) fn is_ended(&self) -> bool {
        self.progress.lock().ended == self.shards
    }

    /// Whether all shards are gone, and nothing was leaked.
    pub(crate) fn is_ended_cleanly(&self) -> bool {
        let progress = self.progress.lock();
        progress.ended == self.shards && progress.leaked == 0
    }

    pub(crate) fn shards(&self) -> usize {
        self.shards
    }
}
