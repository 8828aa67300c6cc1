//! The runtimes of this process, by their numbers.
//!
//! Wakers live for ever and may be called anywhere. A waker knows its runtime's number only: on one of
//! its shards the thread's context has all else, and elsewhere it is looked up here. Once the runtime is
//! gone, so is its entry.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use parking_lot::RwLock;

use crate::core::Core;

static RUNTIMES: RwLock<Vec<(u32, Weak<Core>)>> = RwLock::new(Vec::new());

/// A number that no other runtime of this process has.
pub(crate) fn number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_update(Relaxed, Relaxed, |next| next.checked_add(1))
        .expect("a process has at most 4 billion runtimes")
}

/// Lists a runtime.
pub(crate) fn enter(core: &Arc<Core>) {
    RUNTIMES.write().push((core.id, Arc::downgrade(core)));
}

/// Strikes a runtime off: it is closed.
pub(crate) fn leave(number: u32) {
    let mut runtimes = RUNTIMES.write();
    let place = runtimes.iter().position(|(other, _)| *other == number);
    let left = place.map(|place| runtimes.swap_remove(place));
    drop(runtimes);
    drop(left);
}

/// The runtime with this number, if it is not gone.
pub(crate) fn find(number: u32) -> Option<Arc<Core>> {
    let runtimes = RUNTIMES.read();
    let (_, core) = runtimes.iter().find(|(other, _)| *other == number)?;
    core.upgrade()
}
