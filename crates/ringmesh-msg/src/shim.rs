//! One door for atomics, cells, locks and threads: std's, or loom's under `--cfg ringmesh_loom`.
//!
//! Every other module takes them from here, so that the loom models run over the shipped types.

#[cfg(not(ringmesh_loom))]
pub(crate) use std::{
    cell::UnsafeCell as StdUnsafeCell,
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence},
    },
    thread,
};

#[cfg(ringmesh_loom)]
pub(crate) use loom::{
    cell::UnsafeCell,
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence},
    },
};

/// loom's threads; its `park` has no time limit, and its models need none.
#[cfg(ringmesh_loom)]
pub(crate) mod thread {
    pub(crate) use loom::thread::{Thread, current, park};

    pub(crate) fn park_timeout(_limit: std::time::Duration) {
        park();
    }
}

/// A number that no other thread has while this one lives.
#[cfg(not(ringmesh_loom))]
#[inline]
pub(crate) fn thread_number() -> usize {
    std::thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| std::ptr::from_ref(place).addr())
}

/// A number that no other modelled thread has.
#[cfg(ringmesh_loom)]
pub(crate) fn thread_number() -> usize {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    loom::thread_local!(static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed));
    NUMBER.with(|number| *number)
}

/// A lock without poisoning: `parking_lot`'s, or loom's.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(Lock<T>);

#[cfg(not(ringmesh_loom))]
type Lock<T> = parking_lot::Mutex<T>;
#[cfg(ringmesh_loom)]
type Lock<T> = loom::sync::Mutex<T>;

#[cfg(not(ringmesh_loom))]
pub(crate) type MutexGuard<'a, T> = parking_lot::MutexGuard<'a, T>;
#[cfg(ringmesh_loom)]
pub(crate) type MutexGuard<'a, T> = loom::sync::MutexGuard<'a, T>;

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Mutex(Lock::new(value))
    }

    #[cfg(not(ringmesh_loom))]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock()
    }

    #[cfg(ringmesh_loom)]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().expect("a loom model panicked under a lock")
    }
}

/// `UnsafeCell` in loom's closure form, which is how loom sees overlapping accesses.
#[cfg(not(ringmesh_loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(StdUnsafeCell<T>);

#[cfg(not(ringmesh_loom))]
impl<T> UnsafeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        UnsafeCell(StdUnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}
