//! A work-stealing scheduler over per-core shards: which task runs next, on which shard, and when a
//! shard sleeps.
//!
//! A *shard* is one thread with its run queues, its timers, its inbox, and a [`Driver`], which completes
//! operations: for ringmesh that is an io_uring ring. Shards take each other's tasks, **at every await**,
//! while the operations that a task has started stay with the driver that started them. This crate sees
//! operations only through the [`Driver`] trait; with [`memory`] it runs without any.
//!
//! ```
//! use std::time::Duration;
//! use ringmesh_sched::{Builder, Placement, ShardId, memory, shard, spawn, spawn_with, time};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sum = Builder::new(memory::Factory::new()).shards(2).run(async {
//!     // May run on either shard, and move at the await.
//!     let tasks: Vec<_> = (0..100u64)
//!         .map(|n| {
//!             spawn(async move {
//!                 time::sleep(Duration::from_micros(50)).await;
//!                 n
//!             })
//!         })
//!         .collect();
//!     let mut sum = 0;
//!     for task in tasks {
//!         sum += task.await?;
//!     }
//!     // Runs on the second shard and nowhere else.
//!     let there = ShardId::new(1);
//!     let where_it_ran = spawn_with(Placement::Pinned(there), async { shard::current() });
//!     assert_eq!(where_it_ran.await?, Some(there));
//!     Ok::<_, ringmesh_sched::JoinError>(sum)
//! })??;
//! assert_eq!(sum, 4950);
//! # Ok(())
//! # }
//! ```
//!
//! # The parts
//!
//! | to | use |
//! |---|---|
//! | start | [`Builder::run`] (the calling thread is shard 0) or [`Builder::build`] (a [`Runtime`]) |
//! | spawn | [`spawn`], [`spawn_local`], [`spawn_local_on`], [`spawn_with`] and [`Placement`], [`task::Builder`] |
//! | wait for a task, or end it | [`JoinHandle`], [`JoinError`] |
//! | wait for a time | [`time`] |
//! | call what blocks | [`spawn_blocking`] |
//! | reach the runtime from outside | [`Handle::enter`], [`Handle::wrap`], [`Runtime::install`] |
//! | send messages between shards | [`Handle::shard`], [`shard::inbox`] |
//! | look inside | [`Handle::metrics`], [`Handle::events`] |
//!
//! # What holds
//!
//! - A task's panic, in its poll, in its destructor, in its output's destructor or in a waker that it
//!   calls, reaches that task's [`JoinHandle`] and nobody else.
//! - Wakers may be called on any thread, for ever; once the runtime is gone they do nothing.
//! - No wake is lost, and none rests on a polling interval: an idle runtime uses no CPU.
//! - A timer never fires early.
//! - Shutting down twice, from two threads, or from inside a task is safe.
//!
//! # What does not
//!
//! - A poll that computes for a millisecond keeps its shard for a millisecond: tasks that are queued
//!   there can be stolen, pinned tasks and timers of that shard wait.
//! - A local task (one that is not `Send`) whose shard's thread has ended, at a shutdown's deadline, is
//!   leaked: nobody else may drop it.
#![forbid(unsafe_code)]

mod blocking;
mod builder;
mod context;
pub mod coop;
mod core;
mod driver;
mod error;
mod handle;
mod launch;
pub mod memory;
pub mod metrics;
mod placement;
mod runtime;
mod runtimes;
mod settings;
pub mod shard;
mod shield;
mod shim;
mod spawn;
pub mod task;
pub mod time;

pub use builder::{Affinity, Builder, Idle};
pub use driver::{Driver, DriverFactory, Prepared, Seat};
pub use error::{BuildError, BuildErrorKind, Closed, NoRuntime};
pub use handle::{EnterGuard, Handle, Wrapped};
pub use metrics::{Counters, Event, EventKind, Metrics, Recorder};
pub use placement::Placement;
pub use ringmesh_msg::{Bell, Endpoint, NoSuchShard, RemoteShard, ShardId};
pub use runtime::{Runtime, ShutdownReport};
pub use spawn::{spawn, spawn_blocking, spawn_local, spawn_local_on, spawn_with, yield_now};
pub use task::{JoinError, JoinHandle};
