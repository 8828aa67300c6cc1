//! The slot for the task woken last.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use crossbeam_utils::atomic::AtomicCell;

use crate::task::Runnable;

/// One stealable task; filled by its owner, emptied by the owner or a thief.
#[derive(Default)]
pub(crate) struct Lifo {
    /// Lock-free: a `Runnable` is one pointer, and so is an option of it.
    slot: AtomicCell<Option<Runnable>>,
    /// Written by the owner only: how often the slot was filled, twice, and 1 while it may be full.
    /// Saves locked swaps of an empty slot, and lets thieves look without touching it.
    fills: AtomicU64,
}

/// What a thief saw of a slot. Two equal looks saw the same filling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look(u64);

impl Look {
    /// Whether a task may be in.
    pub(crate) fn is_full(self) -> bool {
        self.0 & 1 == 1
    }
}

impl Lifo {
    /// Owner: puts a task in and returns the one that was there.
    #[inline]
    pub(crate) fn put(&self, runnable: Runnable) -> Option<Runnable> {
        let fills = self.fills.load(Relaxed);
        let displaced = if fills & 1 == 1 {
            self.slot.swap(Some(runnable))
        } else {
            self.slot.store(Some(runnable));
            None
        };
        // Release pairs with the Acquire in `look`: who sees the filling finds the task.
        self.fills.store((fills | 1).wrapping_add(2), Release);
        displaced
    }

    /// Owner: whether a task may be in.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        Look(self.fills.load(Relaxed)).is_full()
    }

    /// Owner: takes the task, unless a thief has.
    #[inline]
    pub(crate) fn take(&self) -> Option<Runnable> {
        self.fills.store(self.fills.load(Relaxed) & !1, Relaxed);
        self.slot.take()
    }

    /// Thief: looks.
    #[inline]
    pub(crate) fn look(&self) -> Look {
        Look(self.fills.load(Acquire))
    }

    /// Thief: takes the task. (It cannot say that the slot is empty now: only the owner writes there.)
    pub(crate) fn steal(&self) -> Option<Runnable> {
        self.slot.take()
    }
}
