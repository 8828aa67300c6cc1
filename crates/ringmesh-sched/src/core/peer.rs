//! A shard as the other threads see it.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use crossbeam_deque::Stealer;
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use ringmesh_msg::{Bell, Inbox, Notify, ParkState, ShardId};

use super::{Core, idlers::Sleeper, lifo::Lifo};
use crate::{
    Counters, context, shield,
    task::{Id, Listed, Origin, Runnable},
    time::Timer,
};

/// What the control inbox carries. Bounded by something else each: one entry a task, an op, a timer.
pub(crate) enum Note {
    /// A task to be queued here.
    Run(Runnable),
    /// Something to be done on this shard's loop, outside any task.
    Post(Box<dyn FnOnce() + Send>),
    /// A task that was listed here and whose future is gone.
    Retire(u32),
    /// A task that is listed here and shall end.
    Abort {
        /// Its place in the list.
        key: u32,
        /// And its number, for the place may be another's by now.
        id: Id,
    },
    /// A timer to be armed here, for a thread that has no wheel.
    Arm(Arc<Timer>),
    /// A timer of ours that another thread cancelled.
    Disarm(Arc<Timer>),
}

/// The shared part of a shard. Outlives the runtime while a waker of one of its tasks does.
pub(crate) struct Peer {
    pub(crate) id: ShardId,
    /// The runtime's number, compared on each wake.
    pub(crate) runtime: u32,
    pub(crate) core: Weak<Core>,
    pub(crate) sleeper: Sleeper,
    /// None once the runtime is closed: a bell may keep a descriptor open, and wakers live for ever.
    bell: Mutex<Option<Arc<dyn Bell>>>,
    pub(crate) inbox: CachePadded<Inbox<Note>>,
    pub(crate) stealer: Stealer<Runnable>,
    /// The task woken last, by its owner: run next, or stolen if the owner does not get to it.
    pub(crate) lifo: CachePadded<Lifo>,
    pub(crate) counters: Arc<Counters>,
    /// Queued tasks and operations in flight, as of the owner's last turn.
    pub(crate) load: CachePadded<AtomicU32>,
}

impl Peer {
    pub(crate) fn new(
        id: ShardId,
        runtime: u32,
        core: Weak<Core>,
        park: Arc<ParkState>,
        bell: Arc<dyn Bell>,
        stealer: Stealer<Runnable>,
    ) -> Self {
        Self {
            id,
            runtime,
            core,
            sleeper: Sleeper::new(park),
            bell: Mutex::new(Some(bell)),
            inbox: CachePadded::new(Inbox::new()),
            stealer,
            lifo: CachePadded::default(),
            counters: Arc::default(),
            load: CachePadded::new(AtomicU32::new(0)),
        }
    }

    /// A shard of no runtime, for tests of the parts.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        #[derive(Debug)]
        struct Silent;
        impl Bell for Silent {
            fn ring(&self) {}
        }
        let stealer = crossbeam_deque::Worker::new_fifo().stealer();
        Self::new(
            ShardId::new(0),
            0,
            Weak::new(),
            Arc::default(),
            Arc::new(Silent),
            stealer,
        )
    }

    /// The runtime, unless it is gone.
    pub(crate) fn core(&self) -> Option<Arc<Core>> {
        self.core.upgrade()
    }

    /// The shard, by numbers.
    #[inline]
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            runtime: self.runtime,
            shard: self.id,
        }
    }

    /// Where a task is listed that this shard spawns.
    pub(crate) fn listed(&self) -> Listed {
        Listed {
            runtime: self.runtime,
            lister: self.id.index() as u32,
        }
    }

    /// Queues a new task on this shard, from wherever.
    pub(crate) fn start(&self, runnable: Runnable) {
        // To the inbox also from its own shard: a placement is no reason to overtake.
        match self.inbox.push(Note::Run(runnable)) {
            Ok(()) => self.nudge(),
            Err(note) => shield::drop_quietly(note),
        }
    }

    /// Wakes the shard if it is parked; call it after a push to what it looks at.
    #[inline]
    pub(crate) fn nudge(&self) {
        if self.sleeper.park.notify() == Notify::Ring {
            self.ring();
        }
    }

    /// Rings: through the driver if the caller is a shard of the same runtime, else by the bell.
    #[cold]
    pub(crate) fn ring(&self) {
        let here = context::with_shard_of(self.runtime, |shard| shard.ring(self.id));
        if here.is_some() {
            return;
        }
        let bell = self.bell.lock().clone();
        if let Some(bell) = bell {
            bell.ring();
            if let Some(core) = self.core() {
                core.outside.doorbells.add_shared(1);
            }
        }
    }

    /// The runtime is closed: nobody rings any more.
    pub(crate) fn mute(&self) {
        let bell = self.bell.lock().take();
        drop(bell);
    }

    /// How many polls the shard has begun: if it stands still, so does the shard.
    #[inline]
    pub(crate) fn tick(&self) -> u64 {
        self.counters.polls.get()
    }

    pub(crate) fn publish_load(&self, load: usize) {
        let load = u32::try_from(load).unwrap_or(u32::MAX);
        if self.load.load(Relaxed) != load {
            self.load.store(load, Relaxed);
        }
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer")
            .field("id", &self.id)
            .field("park", &self.sleeper.park)
            .finish_non_exhaustive()
    }
}

/// The bell that a mailbox's senders ring: through the driver if they are shards of the runtime.
#[derive(Debug)]
pub(crate) struct HostBell(pub(crate) Arc<Peer>);

impl Bell for HostBell {
    fn ring(&self) {
        self.0.ring();
    }
}
