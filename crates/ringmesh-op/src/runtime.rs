//! The scheduler with a ring a shard, ready-made.

use std::{fmt, future::Future};

use ringmesh_sched::{Affinity, BuildError, Idle, Runtime};
use ringmesh_sys::RingOptions;

use crate::{driver::UringFactory, opcode::Config};

/// Runs `future` on a new runtime with default settings; the calling thread is shard 0.
///
/// # Errors
///
/// Whatever keeps the runtime from being built, with cause and remedy.
pub fn run<F: Future>(future: F) -> Result<F::Output, BuildError> {
    run_with(Builder::new(), future)
}

/// Runs `future` on a new runtime with these settings; the calling thread is shard 0.
///
/// # Errors
///
/// Whatever keeps the runtime from being built, with cause and remedy.
pub fn run_with<F: Future>(builder: Builder, future: F) -> Result<F::Output, BuildError> {
    builder.run(future)
}

/// Settings of a runtime on io_uring: the scheduler's, and the rings'.
#[must_use]
pub struct Builder {
    scheduler: Vec<Setting>,
    options: RingOptions,
    config: Config,
    driver: DriverKind,
}

/// One of the scheduler's settings, kept until the driver is known.
type Setting = Box<dyn FnOnce(ringmesh_sched::Builder) -> ringmesh_sched::Builder + Send>;

/// What completes the operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DriverKind {
    /// The best that this machine allows. At present that is io_uring, or an error that says why not.
    #[default]
    Auto,
    /// io_uring, or an error.
    Uring,
}

impl Builder {
    /// One shard per available CPU, rings of 256 entries.
    pub fn new() -> Self {
        Self {
            scheduler: Vec::new(),
            options: RingOptions::default(),
            config: Config::default(),
            driver: DriverKind::default(),
        }
    }

    /// Entries of each shard's submission queue, rounded up to a power of two. Default: 256. Zero is an error of `build`.
    pub fn ring_entries(mut self, entries: u32) -> Self {
        self.options = self.options.entries(entries);
        self
    }

    /// Entries of each shard's completion queue. Default: twice the submission queue, at least 64. It bounds no number of ops.
    pub fn completion_entries(mut self, entries: u32) -> Self {
        self.options = self.options.cq_entries(entries);
        self
    }

    /// All of the ring's options at once.
    pub fn ring_options(mut self, options: RingOptions) -> Self {
        self.options = options;
        self
    }

    /// Whether file reads that the page cache can serve are answered in the first poll on a shard. Default: yes. Threads
    /// that are no shards always try.
    pub fn inline_reads(mut self, yes: bool) -> Self {
        self.config.inline_reads = yes;
        self
    }

    /// Whether a send whose shard has nothing else to do is tried by `send(2)` in its first poll. Default: yes.
    pub fn inline_sends(mut self, yes: bool) -> Self {
        self.config.inline_sends = yes;
        self
    }

    /// What completes the operations.
    pub fn driver(mut self, driver: DriverKind) -> Self {
        self.driver = driver;
        self
    }

    /// io_uring or an error: the same as `driver(DriverKind::Uring)`.
    pub fn require_uring(self) -> Self {
        self.driver(DriverKind::Uring)
    }

    /// Number of shards, see [`ringmesh_sched::Builder::shards`].
    pub fn shards(self, n: usize) -> Self {
        self.setting(move |builder| builder.shards(n))
    }

    /// See [`ringmesh_sched::Builder::thread_name_prefix`].
    pub fn thread_name_prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        self.setting(move |builder| builder.thread_name_prefix(prefix))
    }

    /// See [`ringmesh_sched::Builder::affinity`].
    pub fn affinity(self, affinity: Affinity) -> Self {
        self.setting(move |builder| builder.affinity(affinity))
    }

    /// See [`ringmesh_sched::Builder::idle`].
    pub fn idle(self, idle: Idle) -> Self {
        self.setting(move |builder| builder.idle(idle))
    }

    /// See [`ringmesh_sched::Builder::mailbox_capacity`].
    pub fn mailbox_capacity(self, n: usize) -> Self {
        self.setting(move |builder| builder.mailbox_capacity(n))
    }

    /// See [`ringmesh_sched::Builder::blocking_threads`].
    pub fn blocking_threads(self, n: usize) -> Self {
        self.setting(move |builder| builder.blocking_threads(n))
    }

    /// See [`ringmesh_sched::Builder::steal`].
    pub fn steal(self, on: bool) -> Self {
        self.setting(move |builder| builder.steal(on))
    }

    /// See [`ringmesh_sched::Builder::record_events`].
    pub fn record_events(self, on: bool) -> Self {
        self.setting(move |builder| builder.record_events(on))
    }

    /// See [`ringmesh_sched::Builder::submit_every`].
    pub fn submit_every(self, polls: u32) -> Self {
        self.setting(move |builder| builder.submit_every(polls))
    }

    /// See [`ringmesh_sched::Builder::on_thread_start`].
    pub fn on_thread_start(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.setting(move |builder| builder.on_thread_start(hook))
    }

    /// See [`ringmesh_sched::Builder::on_thread_stop`].
    pub fn on_thread_stop(self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.setting(move |builder| builder.on_thread_stop(hook))
    }

    /// Any other setting of the scheduler.
    pub fn scheduler(
        self,
        set: impl FnOnce(ringmesh_sched::Builder) -> ringmesh_sched::Builder + Send + 'static,
    ) -> Self {
        self.setting(set)
    }

    fn setting(
        mut self,
        set: impl FnOnce(ringmesh_sched::Builder) -> ringmesh_sched::Builder + Send + 'static,
    ) -> Self {
        self.scheduler.push(Box::new(set));
        self
    }

    /// Builds the runtime, all shards on threads of their own.
    ///
    /// # Errors
    ///
    /// Whatever keeps the runtime from being built, with cause and remedy; no thread or descriptor is left behind.
    pub fn build(self) -> Result<Runtime, BuildError> {
        self.finish().build()
    }

    /// Builds the runtime and runs `future` on the calling thread, which is shard 0 meanwhile.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn run<F: Future>(self, future: F) -> Result<F::Output, BuildError> {
        self.finish().run(future)
    }

    fn finish(self) -> ringmesh_sched::Builder {
        let factory = match self.driver {
            DriverKind::Auto | DriverKind::Uring => UringFactory::new()
                .options(self.options)
                .config(self.config),
        };
        let scheduler = ringmesh_sched::Builder::new(factory);
        self.scheduler
            .into_iter()
            .fold(scheduler, |builder, set| set(builder))
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("options", &self.options)
            .field("config", &self.config)
            .field("driver", &self.driver)
            .finish_non_exhaustive()
    }
}
