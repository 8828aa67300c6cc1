//! The way to a runtime from anywhere.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use ringmesh_msg::{NoSuchShard, RemoteShard, ShardId};

use crate::{
    Closed, Event, JoinHandle, Metrics, NoRuntime, Placement, ShutdownReport, blocking, context,
    core::{Core, Note, Phase},
    runtime,
    task::{self, Seed},
};

/// A runtime's address: cheap to clone, and good on every thread.
///
/// Inside a runtime [`Handle::current`] gives its own. A thread outside makes a handle current with
/// [`enter`](Self::enter), a foreign executor with [`wrap`](Self::wrap). A handle does not keep the
/// runtime alive; after a shutdown, spawning gives tasks that are over from the start.
///
/// ```
/// use ringmesh_sched::{Builder, Handle, memory};
///
/// let runtime = Builder::new(memory::Factory::new()).shards(1).build().unwrap();
/// assert!(Handle::try_current().is_err());
/// let guard = runtime.handle().enter();
/// let task = ringmesh_sched::spawn(async { 1 });
/// assert_eq!(runtime.block_on(task).unwrap(), 1);
/// # drop(guard);
/// ```
#[derive(Clone)]
pub struct Handle {
    core: Arc<Core>,
}

impl Handle {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Calls `f` with the current runtime.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub(crate) fn with_core<R>(f: impl FnOnce(&Arc<Core>) -> R) -> R {
        let mut f = Some(f);
        let here = context::with_current_shard(|shard| f.take().map(|f| f(shard.core())));
        match (here.flatten(), f) {
            (Some(result), _) => result,
            (None, Some(f)) => f(&Self::current().core),
            (None, None) => unreachable!("called once"),
        }
    }

    /// The current runtime: the one entered last on this thread, else the shard's own, else the process
    /// default.
    ///
    /// # Panics
    /// If there is none; the message says what to do. [`try_current`](Self::try_current) does not panic.
    #[track_caller]
    pub fn current() -> Self {
        match Self::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The current runtime.
    ///
    /// # Errors
    /// If there is none.
    pub fn try_current() -> Result<Self, NoRuntime> {
        context::handle().ok_or(NoRuntime)
    }

    /// Spawns a task that may move to another shard at any await.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(&self.core, Seed::here(), Placement::Stealable, future)
    }

    /// Spawns a task with a placement. A shard that does not exist is reported by the
    /// [`JoinError`](crate::JoinError).
    #[track_caller]
    pub fn spawn_with<F>(&self, placement: Placement, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        task::spawn(&self.core, Seed::here(), placement, future)
    }

    /// Calls `make` on a shard and runs the future that it returns there; the future need not be `Send`.
    /// A shard that does not exist is reported by the [`JoinError`](crate::JoinError).
    #[track_caller]
    pub fn spawn_local_on<M, F>(&self, shard: ShardId, make: M) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        task::spawn_local_on(&self.core, Seed::here(), shard, make)
    }

    /// Runs a function that blocks on a thread of the blocking pool, within this runtime's context.
    pub fn spawn_blocking<T, F>(&self, work: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        blocking::spawn(self, work)
    }

    /// Makes this the calling thread's current runtime until the guard is dropped.
    pub fn enter(&self) -> EnterGuard {
        EnterGuard {
            key: context::enter(self.clone()),
            not_send: PhantomData,
        }
    }

    /// Makes this the current runtime during each poll of `future`, wherever that is polled: so can a
    /// task of another executor use what needs a runtime.
    pub fn wrap<F>(&self, future: F) -> Wrapped<F> {
        Wrapped {
            future,
            handle: self.clone(),
        }
    }

    /// Drives `future` on the calling thread. On a shard of this runtime the shard goes on working
    /// meanwhile, but the task that calls this keeps its place on the stack until `future` is done:
    /// prefer to await.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        runtime::block_on(self, future)
    }

    /// How many shards the runtime has.
    pub fn shard_count(&self) -> usize {
        self.core.shards()
    }

    /// The way to a shard's message inbox.
    ///
    /// # Errors
    /// If the shard does not exist.
    pub fn shard(&self, id: ShardId) -> Result<RemoteShard, NoSuchShard> {
        let remote = self.core.mesh.shard(id)?;
        Ok(match self.current_shard() {
            Some(from) => remote.sent_by(from),
            None => remote,
        })
    }

    /// What was counted so far.
    pub fn metrics(&self) -> Metrics {
        self.core.metrics()
    }

    /// What was recorded so far; empty without [`record_events`](crate::Builder::record_events).
    pub fn events(&self) -> Vec<Event> {
        self.core
            .log
            .as_ref()
            .map_or_else(Vec::new, |log| log.events())
    }

    /// The shard with the least to do, as the shards last said of themselves.
    pub fn least_loaded(&self) -> ShardId {
        self.core.least_loaded().id
    }

    /// The shard of this runtime that the calling thread is.
    pub fn current_shard(&self) -> Option<ShardId> {
        context::with_shard_of(self.core.id, |shard| shard.id())
    }

    /// A number that no other runtime of this process has.
    pub fn runtime_id(&self) -> u64 {
        self.core.id.into()
    }

    /// Whether a shutdown has begun.
    pub fn is_closed(&self) -> bool {
        self.core.shutdown.phase() != Phase::Running
    }

    /// Shuts the runtime down, see [`Runtime::shutdown`](crate::Runtime::shutdown). On one of its own
    /// shards this only starts it.
    pub fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        runtime::shutdown(&self.core, deadline)
    }

    /// Runs `work` on a shard's loop, outside any task. For the crates on top of this one: `work` must
    /// be short and must not block.
    ///
    /// # Errors
    /// If the shard has ended; `work` is dropped.
    #[doc(hidden)]
    pub fn post(&self, shard: ShardId, work: Box<dyn FnOnce() + Send>) -> Result<(), Closed> {
        let peer = self.core.peer(shard).map_err(|_| Closed)?;
        peer.inbox
            .push(Note::Post(work))
            .map_err(drop)
            .map_err(|()| Closed)?;
        peer.nudge();
        Ok(())
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("runtime", &self.core.id)
            .field("shards", &self.core.shards())
            .field("phase", &self.core.shutdown.phase())
            .finish()
    }
}

/// Ends [`Handle::enter`] when it is dropped.
#[must_use = "the runtime is left when the guard is dropped"]
pub struct EnterGuard {
    key: u64,
    /// It belongs to the thread that entered.
    not_send: PhantomData<*const ()>,
}

impl Drop for EnterGuard {
    fn drop(&mut self) {
        context::leave(self.key);
    }
}

impl fmt::Debug for EnterGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnterGuard")
    }
}

pin_project! {
    /// A future that is polled within a runtime's context: see [`Handle::wrap`].
    #[derive(Debug)]
    #[must_use = "futures do nothing until they are awaited"]
    pub struct Wrapped<F> {
        #[pin]
        future: F,
        handle: Handle,
    }
}

impl<F: Future> Future for Wrapped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.handle.enter();
        this.future.poll(cx)
    }
}
