//! What the threads of a runtime share.

mod idlers;
mod lifo;
mod peer;
mod shutdown;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{Relaxed, SeqCst},
            fence,
        },
    },
    time::Duration,
};

use crossbeam_deque::{Injector, Steal};
use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use ringmesh_msg::{Mesh, NoSuchShard, ShardId};

use crate::{
    Counters, Metrics, Placement, blocking, context,
    metrics::Log,
    task::{Home, Id, Registry, Runnable, bury},
};

pub(crate) use idlers::{Idlers, Summons};
pub(crate) use lifo::Look;
pub(crate) use peer::{HostBell, Note, Peer};
pub(crate) use shutdown::{Phase, Shutdown};

/// What the builder decided.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Whether shards take each other's work.
    pub(crate) steal: bool,
    /// How long an idle shard looks around before it sleeps; zero to sleep at once.
    pub(crate) spin: Duration,
    /// Polls between two submits, while something is queued.
    pub(crate) submit_every: u32,
}

/// The shared part of a runtime. Holds no thread and no driver.
pub(crate) struct Core {
    /// Unique in the process.
    pub(crate) id: u32,
    pub(crate) config: Config,
    pub(crate) peers: Box<[Arc<Peer>]>,
    /// Work from outside.
    pub(crate) injector: CachePadded<Injector<Runnable>>,
    pub(crate) idlers: CachePadded<Idlers>,
    pub(crate) mesh: Mesh,
    /// The tasks that threads outside the runtime have spawned. Shard 0 is answerable for them.
    pub(crate) outsiders: Mutex<Registry>,
    /// What threads outside the runtime count.
    pub(crate) outside: Counters,
    pub(crate) log: Option<Arc<Log>>,
    pub(crate) pool: blocking::Pool,
    pub(crate) shutdown: Shutdown,
    /// Turns round the shards, for placements without a preference.
    turn: AtomicUsize,
}

impl Core {
    pub(crate) fn new(parts: Parts) -> Self {
        let shards = parts.peers.len();
        Self {
            id: parts.id,
            config: parts.config,
            peers: parts.peers,
            injector: CachePadded::new(Injector::new()),
            idlers: CachePadded::new(Idlers::new(shards)),
            mesh: parts.mesh,
            outsiders: Mutex::default(),
            outside: Counters::default(),
            log: parts.log,
            pool: parts.pool,
            shutdown: Shutdown::new(shards),
            turn: AtomicUsize::new(0),
        }
    }

    pub(crate) fn shards(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn peer(&self, shard: ShardId) -> Result<&Arc<Peer>, NoSuchShard> {
        self.peers.get(shard.index()).ok_or(NoSuchShard {
            asked: shard,
            shards: self.shards(),
        })
    }

    /// A shard, another one each time.
    pub(crate) fn any_peer(&self) -> &Arc<Peer> {
        &self.peers[self.turn.fetch_add(1, Relaxed) % self.shards()]
    }

    /// The shard with the least to do, by what the shards last said of themselves.
    pub(crate) fn least_loaded(&self) -> &Arc<Peer> {
        let start = self.turn.fetch_add(1, Relaxed);
        let shards = self.shards();
        (0..shards)
            .map(|step| &self.peers[(start + step) % shards])
            .min_by_key(|peer| peer.load.load(Relaxed))
            .expect("a runtime has at least one shard")
    }

    /// Where a placement puts a task: a shard and how much the task is bound to it, or no shard for
    /// "here, if here is one of ours".
    pub(crate) fn place(
        &self,
        placement: Placement,
    ) -> Result<(Option<&Arc<Peer>>, Home), NoSuchShard> {
        Ok(match placement {
            Placement::Stealable => (None, Home::Anywhere),
            Placement::Preferred(shard) => (Some(self.peer(shard)?), Home::Preferred),
            Placement::Pinned(shard) => (Some(self.peer(shard)?), Home::Pinned),
            Placement::Sticky(key) => (
                Some(&self.peers[spread(key) as usize % self.shards()]),
                Home::Pinned,
            ),
            Placement::RoundRobin => (Some(self.any_peer()), Home::Anywhere),
        })
    }

    pub(crate) fn next_id(&self) -> Id {
        context::with_shard_of(self.id, |shard| shard.next_id())
            .unwrap_or_else(|| Id::new(Id::reserve(1)))
    }

    /// Queues a stealable task from a thread that is none of our shards.
    pub(crate) fn inject(&self, runnable: Runnable) {
        self.injector.push(runnable);
        let needed = self.idlers.is_needed();
        // After the fence in there, which pairs with the one in `bury_injected`: either we see that the
        // runtime is closed, or whoever closed it sees the task.
        if self.shutdown.phase() == Phase::Closed {
            self.bury_injected();
        } else if needed {
            self.summon();
        } else {
            self.count(|counters, add| add(&counters.wakes_saved, 1));
        }
    }

    /// Drops what is in the injector of a closed runtime.
    pub(crate) fn bury_injected(&self) {
        // Pairs with the fence in `inject`.
        fence(SeqCst);
        loop {
            match self.injector.steal() {
                Steal::Success(runnable) => bury(runnable),
                Steal::Retry => {}
                Steal::Empty => return,
            }
        }
    }

    /// Wakes one parked shard to look for work, unless another is looking already.
    pub(crate) fn summon(&self) {
        let start = context::with_shard_of(self.id, |shard| shard.id().index() + 1).unwrap_or(0);
        let summons = self.idlers.summon(
            self.shards(),
            start,
            |shard| &self.peers[shard].sleeper,
            || self.has_stealable(),
        );
        match summons {
            Summons::Ring(shard) => {
                self.peers[shard].ring();
                self.count(|counters, add| add(&counters.wakes_sent, 1));
            }
            Summons::Searched => self.count(|counters, add| add(&counters.wakes_saved, 1)),
            Summons::AllAwake => {}
        }
    }

    /// Whether the injector or any shard has stealable work queued.
    fn has_stealable(&self) -> bool {
        !self.injector.is_empty() || self.peers.iter().any(|peer| !peer.stealer.is_empty())
    }

    /// Whether the injector or any shard but this one has stealable work queued.
    pub(crate) fn has_stealable_beside(&self, shard: ShardId) -> bool {
        let others = || self.peers.iter().filter(|peer| peer.id != shard);
        !self.injector.is_empty() || others().any(|peer| !peer.stealer.is_empty())
    }

    /// Counts on the shard of this thread, else outside.
    pub(crate) fn count(&self, f: impl Fn(&Counters, fn(&crate::metrics::Counter, u64))) {
        let here = context::with_shard_of(self.id, |shard| {
            f(shard.counters(), crate::metrics::Counter::add);
        });
        if here.is_none() {
            f(&self.outside, crate::metrics::Counter::add_shared);
        }
    }

    pub(crate) fn metrics(&self) -> Metrics {
        let shards = self
            .peers
            .iter()
            .map(|peer| peer.counters.snapshot())
            .collect();
        Metrics {
            shards,
            outside: self.outside.snapshot(),
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("id", &self.id)
            .field("peers", &self.peers)
            .finish_non_exhaustive()
    }
}

/// What a [`Core`] is made of.
pub(crate) struct Parts {
    pub(crate) id: u32,
    pub(crate) config: Config,
    pub(crate) peers: Box<[Arc<Peer>]>,
    pub(crate) mesh: Mesh,
    pub(crate) log: Option<Arc<Log>>,
    pub(crate) pool: blocking::Pool,
}

/// Spreads keys that differ in a few bits over all bits (the finalizer of splitmix64).
fn spread(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}
