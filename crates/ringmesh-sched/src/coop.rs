//! What a task owes the others on its shard: a budget keeps one that is always ready from starving them.

use crate::context;

/// How much a task may do in one poll. Picked: tokio uses the same figure.
pub const BUDGET: u32 = 128;

/// Takes one unit of the current task's budget. `false` when it is spent: wake yourself and return
/// `Pending`. Outside a task there is no budget and the answer is always `true`.
#[must_use]
pub fn consume() -> bool {
    context::consume_budget()
}

/// Whether [`consume`] would say `true`, without taking anything: ask before doing what cannot be undone.
#[must_use]
pub fn has_budget() -> bool {
    context::has_budget()
}

/// Whether nothing else waits to run on this shard, so that what the current task does on the spot delays nobody. `false`
/// on threads that are no shards.
#[must_use]
pub fn is_alone() -> bool {
    context::with_shard(|shard| !shard.has_tasks()) == Some(true)
}
