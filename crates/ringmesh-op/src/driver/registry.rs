//! Rings by their process-wide id, for threads that are not their shard.
//!
//! A cell names its ring by a number and not by an `Arc`, so that an op costs no reference count on a shared line. The number
//! is looked up only when a cancel has to travel, which is rare. Ids are never used twice.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use parking_lot::RwLock;
use ringmesh_msg::ShardId;
use ringmesh_sched::{Closed, Handle};

use super::{Uring, with_current};

/// What other threads may know about a ring.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) id: u32,
    pub(crate) shard: ShardId,
    pub(crate) entries: usize,
    handle: Handle,
    live: AtomicUsize,
}

static RINGS: RwLock<Vec<Arc<Remote>>> = RwLock::new(Vec::new());
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

impl Remote {
    /// Adds a ring.
    pub(super) fn register(shard: ShardId, handle: Handle, entries: usize) -> Arc<Self> {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let remote = Arc::new(Self {
            id,
            shard,
            entries,
            handle,
            live: AtomicUsize::new(0),
        });
        RINGS.write().push(Arc::clone(&remote));
        remote
    }

    /// Takes the ring out: what is addressed to it from now on has nothing left to reach.
    pub(super) fn unregister(&self) {
        let removed = {
            let mut rings = RINGS.write();
            let index = rings.iter().position(|remote| remote.id == self.id);
            index.map(|index| rings.swap_remove(index))
        };
        drop(removed);
    }

    /// Ops alive on the ring.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Only under the table's lock, or on the shard's thread.
    pub(super) fn set_live(&self, live: usize) {
        self.live.store(live, Ordering::Relaxed);
    }

    /// Runs `f` on the ring's shard.
    ///
    /// # Errors
    ///
    /// If the runtime has shut down: every op of the ring was completed or leaked before.
    pub(crate) fn post(&self, f: impl FnOnce(&Uring) + Send + 'static) -> Result<(), Closed> {
        let id = self.id;
        let work = Box::new(move || {
            with_current(|uring| {
                if uring.id() == id {
                    f(uring);
                }
            });
        });
        self.handle.post(self.shard, work)
    }
}

/// The ring with this id.
pub(super) fn find(id: u32) -> Option<Arc<Remote>> {
    RINGS.read().iter().find(|remote| remote.id == id).cloned()
}

/// The ring of a shard of a runtime.
pub(crate) fn of_shard(handle: &Handle, shard: ShardId) -> Option<Arc<Remote>> {
    let runtime = handle.runtime_id();
    let rings = RINGS.read();
    rings
        .iter()
        .find(|remote| remote.shard == shard && remote.handle.runtime_id() == runtime)
        .cloned()
}

/// All rings of the process.
pub(super) fn all() -> Vec<Arc<Remote>> {
    RINGS.read().clone()
}
