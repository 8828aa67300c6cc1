//! What a slot holds: the heap cell of an op, seen from the driver.

use std::sync::Arc;

use ringmesh_sys::Sqe;

use crate::{opcode::Res, state::Address};

/// The heap cell of an op, from push to its terminal CQE and longer if a future wants it.
///
/// The driver calls these on the shard's thread, one at a time per cell, never under its lock or a borrow of its own:
/// they may wake, drop user buffers, and submit or cancel other ops.
///
/// # Safety
///
/// What [`sqe`](Self::sqe) points to stays valid and unmoved until [`on_cqe`](Self::on_cqe) was called with a completion
/// that has no `more`, or for ever after [`on_leak`](Self::on_leak), as long as the driver keeps its `Arc`.
pub(crate) unsafe trait Cell: Send + Sync {
    /// The kind that goes into `user_data`.
    fn kind(&self) -> u8;

    /// The SQE, right before the push to `ring`; `None` if nobody wants the op any more (B10: "before the push, do not
    /// push"). Marks the descriptor's ring mask.
    fn sqe(&self, ring: u32) -> Option<Sqe>;

    /// The op was given a slot. `true`: nobody wants it any more, cancel it (B10: publish, fence, look).
    fn published(&self, at: Address) -> bool;

    /// A CQE arrived. Without `more` it is the terminal one and the slot is already free.
    fn on_cqe(self: Arc<Self>, done: Completion) -> Next;

    /// The runtime gives up: there will be no terminal CQE. The driver forgets its `Arc` afterwards.
    fn on_leak(&self);
}

/// One CQE, checked, with what the driver knows about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completion {
    /// The kernel's answer.
    pub(crate) res: Res,
    /// `F_MORE`: others will follow, the slot stays.
    pub(crate) more: bool,
    /// Somebody asked for a cancel of this op, or of everything on its ring.
    pub(crate) cancelled: bool,
    /// The runtime is shutting down: nothing may be submitted again.
    pub(crate) closing: bool,
}

/// What is to happen after a CQE.
#[must_use]
pub(crate) enum Next {
    /// Nothing.
    Done,
    /// The future was gone; the orphan handler has run.
    Orphaned,
    /// Submit the cell again, in a new slot. Only after a terminal CQE.
    Again(Arc<dyn Cell>),
}
