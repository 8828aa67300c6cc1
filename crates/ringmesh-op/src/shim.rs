//! Atomics and cells from std, or from loom under `cfg(ringmesh_loom)`: the state types are written once.

#[cfg(not(ringmesh_loom))]
pub(crate) mod sync {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

    /// `UnsafeCell` with loom's interface: access is a closure over the raw pointer.
    #[derive(Debug)]
    pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(ringmesh_loom)]
pub(crate) mod sync {
    pub(crate) use loom::{
        cell::UnsafeCell,
        sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
    };
}
