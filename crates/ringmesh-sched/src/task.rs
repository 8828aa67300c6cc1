//! Tasks: their handles, their identity, and the guard that keeps one task's panic its own.
//!
//! A task's future never stands in its `async-task` cell bare. It is wrapped so that
//!
//! 1. a panic in its poll, in its `Drop` or in its output's `Drop` is caught and reaches the
//!    [`JoinHandle`] as a [`JoinError`], and no one else;
//! 2. its output goes into a join cell of our own, which [`JoinHandle::abort`] can flag without
//!    owning the task;
//! 3. it is listed in a registry from spawn to end, so that a shutdown finds tasks that nobody but
//!    a waker knows.
//!
//! (Using `async_task::Task` as the handle was tried and rejected: a panicking destructor or waker
//! aborts the process there, panics are re-raised in the awaiter, and there is no `abort(&self)`.)

mod builder;
mod error;
mod guarded;
mod handle;
mod header;
mod join;
mod meta;
mod registry;
mod schedule;

pub use builder::Builder;
pub use error::JoinError;
pub use handle::JoinHandle;
pub use meta::{Id, Meta};

pub(crate) use builder::{Seed, spawn, spawn_current, spawn_local, spawn_local_on};
pub(crate) use error::Cause;
pub(crate) use header::{Header, Home, Origin};
pub(crate) use join::{JoinCell, Listed};
pub(crate) use meta::{Place, Running};
pub(crate) use registry::Registry;
pub(crate) use schedule::bury;

use std::sync::Arc;

use crate::context;

/// A scheduled task, in a queue or about to be run.
pub(crate) type Runnable = async_task::Runnable<Header>;

/// The task that is being polled on this thread.
///
/// ```
/// # use ringmesh_sched::{Builder, memory, task};
/// # Builder::new(memory::Factory::new()).shards(1).run(async {
/// let named = task::Builder::new().name("reader").spawn(async {
///     task::current().and_then(|meta| meta.name().map(str::to_owned))
/// });
/// assert_eq!(named.await.unwrap().as_deref(), Some("reader"));
/// # }).unwrap();
/// ```
pub fn current() -> Option<Arc<Meta>> {
    context::current_meta()
}

/// The number of the task that is being polled on this thread. Cheaper than [`current`].
pub fn current_id() -> Option<Id> {
    context::with_running(|running| running.id()).flatten()
}
