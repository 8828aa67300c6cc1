//! Tasks: their handles, builders and identities, and sets of them.

pub use ringmesh_sched::task::{Builder, Id, JoinError, JoinHandle, Meta, current, current_id};
pub use ringmesh_sched::{
    spawn, spawn_blocking, spawn_local, spawn_local_on, spawn_with, yield_now,
};

pub use crate::join_set::{AbortHandle, JoinSet};
