//! What stands in every task's cell: who it is, and where it belongs.

use ringmesh_msg::ShardId;

use super::Id;

/// Where a task may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// On the shard that wakes it, and on any that steals it.
    Anywhere,
    /// On its own shard, or on one that steals it from there.
    Preferred,
    /// On its own shard only; `Send`, so that any thread may drop it.
    Pinned,
    /// On its own shard only; `!Send`: another thread must not even drop it.
    Local,
}

impl Home {
    pub(crate) fn is_pinned(self) -> bool {
        matches!(self, Self::Pinned | Self::Local)
    }
}

/// A shard of a runtime, by numbers: a task holds no reference to its runtime, for counting references
/// would cost as much as the rest of a spawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) runtime: u32,
    pub(crate) shard: ShardId,
}

/// The metadata of a task's cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) id: Id,
    /// The task's shard; for a task that may run anywhere, the one that spawned it.
    pub(crate) origin: Origin,
    pub(crate) home: Home,
}
