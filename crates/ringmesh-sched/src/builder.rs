//! Building a runtime.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use crate::{
    BuildError, DriverFactory, Runtime,
    launch::{Hook, Hooks, Plan},
    runtime, settings,
};

/// On which CPUs the shards run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Affinity {
    /// Shard `i` on the `i`-th CPU that the process may use, if there are as many as shards and no
    /// control group grants less; else as [`Off`](Self::Off).
    ///
    /// The kernel tends to put two threads that wake each other on one CPU; pinned, they cannot meet
    /// there. In return a shard cannot evade other load on its CPU.
    Auto,
    /// The kernel decides.
    #[default]
    Off,
    /// Shard `i` on the `i`-th CPU of the list, which must have one for each shard.
    Cores(Vec<usize>),
}

/// What a shard does when it has nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Idle {
    /// Looks around for about what a wake costs (20 us), then sleeps. Where a control group limits the
    /// CPU time it sleeps at once, for a spin is paid for later there.
    #[default]
    Adaptive,
    /// Looks around for the given time, then sleeps. A long time buys latency with CPU.
    SpinBound(Duration),
    /// Sleeps at once.
    AlwaysPark,
}

/// Builds a [`Runtime`], or runs one on the calling thread.
///
/// ```
/// use ringmesh_sched::{Builder, Idle, memory};
///
/// let runtime = Builder::new(memory::Factory::new())
///     .shards(2)
///     .idle(Idle::AlwaysPark)
///     .thread_name_prefix("mesh")
///     .build()
///     .unwrap();
/// let task = runtime.spawn(async { std::thread::current().name().map(str::to_owned) });
/// let name = runtime.block_on(task).unwrap().unwrap();
/// assert!(name.starts_with("mesh-"));
/// ```
///
/// # Environment
///
/// `RINGMESH_SHARDS` (a number) and `RINGMESH_IDLE` (`adaptive`, `park`, or `spin:` and microseconds)
/// stand for what the program does not say; what it says wins.
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` or `run`"]
pub struct Builder {
    factory: Arc<dyn DriverFactory>,
    shards: Option<usize>,
    prefix: String,
    affinity: Affinity,
    idle: Option<Idle>,
    mailbox_capacity: usize,
    blocking_threads: usize,
    steal: bool,
    record_events: bool,
    submit_every: u32,
    hooks: Hooks,
}

impl Builder {
    /// A builder for shards with the given drivers.
    pub fn new(factory: impl DriverFactory) -> Self {
        Self {
            factory: Arc::new(factory),
            shards: None,
            prefix: "ringmesh".to_owned(),
            affinity: Affinity::default(),
            idle: None,
            mailbox_capacity: 1024,
            blocking_threads: BLOCKING_THREADS,
            steal: true,
            record_events: false,
            submit_every: SUBMIT_EVERY,
            hooks: Hooks::default(),
        }
    }

    /// How many shards: threads with a driver each. Default: `RINGMESH_SHARDS`, else the CPUs that the
    /// process may use, by its affinity mask and by its control groups.
    pub fn shards(mut self, count: usize) -> Self {
        self.shards = Some(count);
        self
    }

    /// How thread names begin: `prefix-0`, `prefix-1`, ... and `prefix-blocking`. Default: `ringmesh`.
    pub fn thread_name_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// On which CPUs the shards run. Default: [`Affinity::Off`]. With [`run`](Self::run) the calling
    /// thread is shard 0; it gets its CPUs back afterwards.
    pub fn affinity(mut self, affinity: Affinity) -> Self {
        self.affinity = affinity;
        self
    }

    /// What a shard does when it has nothing to do. Default: `RINGMESH_IDLE`, else
    /// [`Idle::Adaptive`].
    pub fn idle(mut self, idle: Idle) -> Self {
        self.idle = Some(idle);
        self
    }

    /// How many messages a shard's mailbox holds; any number from 1. Default: 1024.
    pub fn mailbox_capacity(mut self, messages: usize) -> Self {
        self.mailbox_capacity = messages;
        self
    }

    /// How many threads the blocking pool may have. They are made when needed and end when idle.
    /// Default: 256.
    pub fn blocking_threads(mut self, max: usize) -> Self {
        self.blocking_threads = max;
        self
    }

    /// Whether idle shards take work from others. Default: yes. Work from outside the runtime goes to
    /// whoever is idle in any case.
    pub fn steal(mut self, on: bool) -> Self {
        self.steal = on;
        self
    }

    /// Records every poll, theft, submission and completion, for
    /// [`Handle::events`](crate::Handle::events). For tests: it costs a lock each. Default: no.
    pub fn record_events(mut self, on: bool) -> Self {
        self.record_events = on;
        self
    }

    /// After how many polls queued operations are handed to the kernel although more tasks are queued;
    /// at least 1. Default: 8. A shard whose polls are long submits after each in any case.
    pub fn submit_every(mut self, polls: u32) -> Self {
        self.submit_every = polls.max(1);
        self
    }

    /// Called on each shard's thread before it starts.
    pub fn on_thread_start(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.hooks.start = Some(Hook(Arc::new(hook)));
        self
    }

    /// Called on each shard's thread after it has ended.
    pub fn on_thread_stop(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.hooks.stop = Some(Hook(Arc::new(hook)));
        self
    }

    /// Starts all shards on threads of their own.
    ///
    /// # Errors
    /// Whatever keeps it from starting, with cause and remedy. No thread is left behind then.
    pub fn build(self) -> Result<Runtime, BuildError> {
        runtime::build(self.plan()?)
    }

    /// Makes the calling thread shard 0, starts the others, drives `future`, and shuts down.
    ///
    /// The future is shard 0's main task: it need be neither `Send` nor `'static`. What it has spawned
    /// and not joined is dropped when it is done. This is the fast shape: a [`Runtime::block_on`] from
    /// outside pays two wakes of sleeping threads.
    ///
    /// # Errors
    /// As [`build`](Self::build); and if the runtime is shut down before `future` is done.
    ///
    /// # Panics
    /// With `future`'s panic, after the shutdown.
    pub fn run<F: Future>(self, future: F) -> Result<F::Output, BuildError> {
        runtime::run(self.plan()?, future)
    }

    fn plan(self) -> Result<Plan, BuildError> {
        let shards = settings::shards(self.shards)?;
        if self.mailbox_capacity == 0 {
            return Err(BuildError::config(
                "a mailbox needs room for at least one message",
            ));
        }
        Ok(Plan {
            shards,
            prefix: self.prefix,
            cpus: settings::cpus(&self.affinity, shards)?,
            pin_is_optional: self.affinity == Affinity::Auto,
            spin: settings::spin(self.idle)?,
            mailbox_capacity: self.mailbox_capacity,
            blocking_threads: self.blocking_threads,
            steal: self.steal,
            record_events: self.record_events,
            submit_every: self.submit_every,
            hooks: self.hooks,
            factory: self.factory,
        })
    }
}

/// Picked: blocking jobs are system calls that wait, so many threads do no harm; each may cost 8 KiB.
const BLOCKING_THREADS: usize = 256;

/// Polls between two submits. The letter of the protocol is "before the next task runs"; each submit is
/// a system call of some 0.4 us, which at 8 is 50 ns a poll. What a queued operation waits for is at most
/// 7 short polls, for where polls are long (BATCH_NS over the mean) batches are short, and each batch
/// ends with a submit.
const SUBMIT_EVERY: u32 = 8;

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("shards", &self.shards)
            .field("affinity", &self.affinity)
            .field("idle", &self.idle)
            .field("mailbox_capacity", &self.mailbox_capacity)
            .field("blocking_threads", &self.blocking_threads)
            .field("steal", &self.steal)
            .finish_non_exhaustive()
    }
}
