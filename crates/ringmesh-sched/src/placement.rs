//! Where a task runs.

use ringmesh_msg::ShardId;

/// Where a task starts, and whether it may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Placement {
    /// Starts where it is spawned, goes on where it is woken, and may be stolen at any await.
    #[default]
    Stealable,
    /// Starts on the given shard and goes back there at each wake; an idle shard may still take it.
    Preferred(ShardId),
    /// Runs on the given shard and nowhere else.
    Pinned(ShardId),
    /// Starts on the shards in turn, then behaves as [`Stealable`](Self::Stealable).
    RoundRobin,
    /// Pinned to a shard that is chosen by the key: equal keys share a shard.
    Sticky(u64),
}
