//! The budget that keeps a task which is always ready from starving its shard.

use crate::context;

/// How much a task may do in one poll. Picked: tokio uses the same figure.
pub const BUDGET: u32 = 128;

/// Takes one unit of the current task's budget. `false` when it is spent: wake yourself and return
/// `Pending`. Outside a task there is no budget and the answer is always `true`.
#[must_use]
pub fn consume() -> bool {
    context::consume_budget()
}
