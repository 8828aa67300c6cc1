//! Recorded events, for tests and for reading a schedule afterwards.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;
use ringmesh_msg::ShardId;

use crate::task::Id;

/// How many events a runtime keeps. Picked: 24 MiB at most.
const EVENTS_MAX: usize = 1 << 19;

/// Something that happened on a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Position in the order in which the events were recorded.
    pub seq: u64,
    /// The shard on which it happened.
    pub shard: ShardId,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A task is about to be polled.
    Polled {
        /// The task.
        task: Id,
    },
    /// An operation was handed to a ring.
    Submitted {
        /// The task that polled the operation, if any.
        task: Option<Id>,
        /// The operation's key.
        op: u64,
        /// The ring's shard.
        ring: ShardId,
    },
    /// An operation's completion was taken from a ring.
    Reaped {
        /// The task that submitted the operation, if any.
        task: Option<Id>,
        /// The operation's key.
        op: u64,
        /// The ring's shard.
        ring: ShardId,
    },
    /// A task was taken from another shard.
    Stolen {
        /// The task.
        task: Id,
        /// The shard that it was taken from.
        from: ShardId,
    },
}

/// Records what happens on one shard. Exists only with `record_events(true)`.
#[derive(Debug, Clone)]
pub struct Recorder {
    shard: ShardId,
    log: Arc<Log>,
}

impl Recorder {
    /// Records an event.
    pub fn record(&self, kind: EventKind) {
        self.log.push(self.shard, kind);
    }

    pub(crate) fn new(shard: ShardId, log: Arc<Log>) -> Self {
        Self { shard, log }
    }
}

/// The log that all recorders of a runtime share.
#[derive(Debug, Default)]
pub(crate) struct Log {
    events: Mutex<Vec<Event>>,
    dropped: AtomicU64,
}

impl Log {
    fn push(&self, shard: ShardId, kind: EventKind) {
        let mut events = self.events.lock();
        if events.len() == EVENTS_MAX {
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        let seq = events.len() as u64;
        events.push(Event { seq, shard, kind });
    }

    /// A copy of what was recorded so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().clone()
    }
}
