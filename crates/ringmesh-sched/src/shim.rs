//! One door for the atomics of what loom models: std's, or loom's under `--cfg ringmesh_loom`.

#[cfg(not(ringmesh_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering, fence};

#[cfg(ringmesh_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering, fence};
