//! Running code that is not ours: wakers, destructors, posted work.
//!
//! A panic in a task's `Drop`, in its output's `Drop` or in a waker aborts the process if it reaches
//! the task cell, and unwinds a shard if it reaches the loop. So all of them run in here.

use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Waker,
};

use crate::context;

/// What a panic carries.
pub(crate) type Payload = Box<dyn Any + Send + 'static>;

/// Runs `f` and gives its panic back as a value.
#[inline]
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Runs `f`; a panic is counted and goes no further.
#[inline]
pub(crate) fn shield(f: impl FnOnce()) {
    if let Err(payload) = catch(f) {
        count();
        drop_payload(payload);
    }
}

/// Calls a waker that may be anybody's.
#[inline]
pub(crate) fn wake(waker: Waker) {
    shield(move || waker.wake());
}

/// Drops a value whose destructor may panic.
#[inline]
pub(crate) fn drop_quietly<T>(value: T) {
    if mem::needs_drop::<T>() {
        shield(move || drop(value));
    }
}

/// Drops a panic's payload, whose own destructor may panic, and so on: the second one is leaked.
#[cold]
pub(crate) fn drop_payload(payload: Payload) {
    if let Err(second) = catch(move || drop(payload)) {
        mem::forget(second);
    }
}

#[cold]
fn count() {
    context::counters(|counters| counters.panics_caught.add(1));
}
