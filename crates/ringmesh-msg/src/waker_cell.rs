//! Where a receiver leaves its waker.
//!
//! One thread registers at a time (the receiver is unique), any number may take. The state word says who
//! may touch the waker:
//!
//! ```text
//!           register: waker left                 take: waker taken out
//!   IDLE --------------------------> REGISTERING    IDLE ----------------> WAKING
//!     ^                                   |           ^                      |
//!     +-----------------------------------+           +----------------------+
//! ```
//!
//! Nobody ever waits for another one:
//!
//! - A taker that meets a registrar leaves: **whoever registers looks at everything once more afterwards**,
//!   and sees what that taker wanted to tell. A taker that meets another taker leaves: that one wakes the
//!   same waker.
//! - A registrar that meets a taker gives up, and is polled again.
//!
//! It is the `atomic-waker` crate's cell, which has no loom support, without its wake of a registrar that met
//! a taker.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

use crate::shim::{AtomicU32, Ordering, UnsafeCell};

const IDLE: u32 = 0;
const REGISTERING: u32 = 1;
const WAKING: u32 = 2;

pub(crate) struct WakerCell {
    state: AtomicU32,
    /// Belongs to whoever moved `state` away from IDLE, until it moves it back.
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: `waker` is only touched by the one thread that took `state` away from IDLE (see `register` and
// `take`), and a `Waker` may be used and dropped on any thread.
unsafe impl Sync for WakerCell {}

impl WakerCell {
    pub(crate) fn new() -> Self {
        WakerCell {
            state: AtomicU32::new(IDLE),
            waker: UnsafeCell::new(None),
        }
    }

    /// Leaves a waker for the next [`take`](Self::take); look at everything once more after that. False if
    /// a wake was under way, and nothing was left: poll again instead of waiting.
    ///
    /// Only one thread registers at a time; a second one is turned away with false.
    pub(crate) fn register(&self, waker: &Waker) -> bool {
        let waker = waker.clone(); // foreign code, so before the state is touched
        // Acquire pairs with the Release that ends a `take`: the cell is ours as that taker left it.
        if self
            .state
            .compare_exchange(IDLE, REGISTERING, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            discard(waker);
            return false;
        }
        let old = self.swap(Some(waker));
        // Release pairs with the Acquire in `take`, which reads the waker. Acquire pairs with its Release:
        // a taker that came in between left nothing done but what it did before, which our caller's looks
        // must see.
        self.state.swap(IDLE, Ordering::AcqRel);
        old.into_iter().for_each(discard);
        true
    }

    /// Takes the waker out, if there is one and nobody else is taking it.
    pub(crate) fn take(&self) -> Option<Waker> {
        // Acquire pairs with the Release in `register`; Release pairs with its Acquire: what happened before
        // this call is visible to a registrar that comes later or is at it.
        if self.state.fetch_or(WAKING, Ordering::AcqRel) != IDLE {
            return None;
        }
        let waker = self.swap(None);
        // A read-modify-write and not a store: it continues the release sequence of takers that came
        // and left meanwhile, so the next `register` sees what they did too.
        self.state.fetch_and(!WAKING, Ordering::Release);
        waker
    }

    /// Takes the waker and wakes it; says whether there was one.
    pub(crate) fn wake(&self) -> bool {
        match self.take() {
            Some(waker) => {
                wake(waker);
                true
            }
            None => false,
        }
    }

    fn swap(&self, new: Option<Waker>) -> Option<Waker> {
        // SAFETY: the pointer is valid and aligned, as it comes from a live cell, and its target is
        // initialized. No one else accesses it: the caller has taken `state` away from IDLE by an
        // atomic read-modify-write and has not put it back, `register` and `take` touch the cell only
        // after doing that themselves, and both do it only from IDLE.
        self.waker
            .with_mut(|waker| unsafe { std::ptr::replace(waker, new) })
    }
}

/// Calls a waker, which is foreign code: its panic stays here. Never call it under a lock.
pub(crate) fn wake(waker: Waker) {
    contain(|| waker.wake());
}

/// Drops a waker, which is foreign code too.
pub(crate) fn discard(waker: Waker) {
    contain(|| drop(waker));
}

/// Runs foreign code that must not unwind into us. What it has to say with its panic is for the panic
/// hook; a payload that panics when dropped is leaked.
pub(crate) fn contain(foreign: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(foreign))
        && let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        std::mem::forget(again);
    }
}
