//! Foreign wakers, called where their panics hurt nobody.
//!
//! A waker is user code (any executor's): it may panic when it is called or dropped. Reaping goes on for the other
//! ops of the batch, so the panic is caught and dropped here, as in PROTOCOLS "A4": the task that owns the waker
//! is the one that misbehaved.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

/// Wakes, and survives a waker that panics.
pub(crate) fn wake(waker: Waker) {
    quietly(|| waker.wake());
}

/// Drops a waker, and survives one whose drop panics.
pub(crate) fn discard(waker: Option<Waker>) {
    if let Some(waker) = waker {
        quietly(|| drop(waker));
    }
}

/// Runs code that may be a user's; a panic ends here, with its payload.
pub(crate) fn quietly(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        // A payload's own drop may panic as well: forgetting it is safe and costs a few bytes.
        std::mem::forget(payload);
    }
}
