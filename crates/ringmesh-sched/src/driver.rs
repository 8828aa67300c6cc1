//! What the scheduler needs from whatever completes operations.
//!
//! The scheduler never sees a ring. It sees a [`Driver`], which lives on its shard's thread, and a
//! [`DriverFactory`], which prepares one driver a shard before any thread exists, so that set-up
//! errors are values that `build()` returns.
//!
//! # Rules between the two
//!
//! 1. Every method of [`Driver`] takes `&self`; the driver uses interior mutability and **runs no
//!    foreign code (wakers, drops of user values) under one of its own borrows**. The scheduler in
//!    turn holds no borrow of queues, timers or inbox while it calls the driver. So a waker that is
//!    called from [`reap`](Driver::reap) may spawn, drop operations or wake anything.
//! 2. [`park`](Driver::park) is called after the shard's state says *Parked*. A [`Bell`] that is rung
//!    at any time after that, even before the driver sleeps, must end the wait.
//! 3. A bell is a hint: it may be spurious and may be lost once the target's thread has ended.

use std::{fmt, io, sync::Arc, time::Instant};

use ringmesh_msg::{Bell, ShardId};

use crate::{BuildError, Counters, Handle, Recorder};

/// Pumps the operations of one shard. Lives on the shard's thread only.
pub trait Driver: 'static {
    /// The time. Timers, budgets and the idle ladder read no other clock.
    fn now(&self) -> Instant;

    /// Hands what is queued to the kernel without waiting: at most one system call, none if nothing
    /// is queued.
    fn submit(&self);

    /// Completes up to `budget` operations that are ready and returns how many it completed.
    /// Wakers run in here.
    fn reap(&self, budget: usize) -> usize;

    /// Whether [`reap`](Self::reap) would find something. No system call, nothing shared is written:
    /// the idle ladder asks this in a tight loop.
    fn ready(&self) -> bool;

    /// How many operations are queued and not yet handed to the kernel.
    fn unsubmitted(&self) -> usize;

    /// Submits, and waits for a completion, a bell, or the given time, in one system call.
    fn park(&self, until: Option<Instant>);

    /// Rings another shard of the same runtime, at once.
    fn bell(&self, to: ShardId);

    /// Rings several shards with one system call.
    fn bells(&self, to: &[ShardId]) {
        for &shard in to {
            self.bell(shard);
        }
    }

    /// How many operations the kernel still holds.
    fn inflight(&self) -> usize;

    /// Asks for the cancellation of everything in flight (second phase of a shutdown). The
    /// completions still arrive through [`reap`](Self::reap).
    fn cancel_all(&self);

    /// Gives up on what is still in flight: leaks the memory that the kernel may still touch and
    /// returns how many operations were leaked. Called at most once, at a shutdown's deadline.
    fn leak(&self) -> usize;

    /// The driver's name, for people.
    fn name(&self) -> &'static str;
}

/// A driver before its shard's thread exists.
pub trait Prepared: Send {
    /// The bell that wakes this shard from any thread, also from threads that are no shards.
    fn bell(&self) -> Arc<dyn Bell>;

    /// Makes the driver, on the shard's own thread.
    fn start(self: Box<Self>, seat: Seat) -> io::Result<Box<dyn Driver>>;
}

/// Prepares the drivers of a runtime.
pub trait DriverFactory: Send + Sync + 'static {
    /// Prepares one driver for each shard, in the shards' order.
    ///
    /// # Errors
    /// Whatever keeps the drivers from being made, with its cause and its remedy.
    fn prepare(&self, shards: usize) -> Result<Vec<Box<dyn Prepared>>, BuildError>;
}

/// What a driver gets to know about its place.
#[derive(Clone)]
pub struct Seat {
    /// The shard that the driver serves.
    pub shard: ShardId,
    /// The shard's counters. The shard's thread is their only writer.
    pub counters: Arc<Counters>,
    /// Where to record events, if the runtime was built with `record_events(true)`.
    pub recorder: Option<Recorder>,
    /// The runtime.
    pub handle: Handle,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}
