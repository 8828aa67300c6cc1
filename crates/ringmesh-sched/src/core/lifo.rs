//! The slot for the task woken last.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crossbeam_utils::atomic::AtomicCell;

use crate::task::Runnable;

/// One stealable task; filled by its owner, emptied by the owner or a thief.
#[derive(Default)]
pub(crate) struct Lifo {
    /// Lock-free: a `Runnable` is one pointer, and so is an option of it.
    slot: AtomicCell<Option<Runnable>>,
    /// Whether the slot may be occupied. Written by the owner only; saves locked swaps of an empty
    /// slot, and lets thieves look without touching it.
    used: AtomicBool,
}

impl Lifo {
    /// Owner: puts a task in and returns the one that was there.
    #[inline]
    pub(crate) fn put(&self, runnable: Runnable) -> Option<Runnable> {
        if self.is_used() {
            self.slot.swap(Some(runnable))
        } else {
            self.used.store(true, Relaxed);
            self.slot.store(Some(runnable));
            None
        }
    }

    /// Whether a task may be in. A hint for others than the owner.
    #[inline]
    pub(crate) fn is_used(&self) -> bool {
        self.used.load(Relaxed)
    }

    /// Owner: takes the task, unless a thief has.
    #[inline]
    pub(crate) fn take(&self) -> Option<Runnable> {
        self.used.store(false, Relaxed);
        self.slot.take()
    }

    /// Thief: takes the task.
    pub(crate) fn steal(&self) -> Option<Runnable> {
        self.slot.take()
    }
}
