//! The owner of a runtime's threads, and the ways to drive a future from outside its tasks.

use std::{
    fmt,
    future::Future,
    panic::{self, Location},
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{AcqRel, Release},
        },
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    BuildError, BuildErrorKind, Handle, JoinHandle, context,
    core::Core,
    launch::{self, Plan, Unpin},
    shard::{self, Root, Shard},
    shield::{Payload, catch},
    task::{Place, Running},
    time::later,
};

/// How long a dropped runtime waits for its shards.
const DROP_DEADLINE: Duration = Duration::from_secs(5);

/// A running runtime, whose shards are threads of their own. Made by
/// [`Builder::build`](crate::Builder::build).
///
/// Dropping it is a [`shutdown`](Self::shutdown) with a deadline of 5 s. Dropped by one of its own
/// tasks, it begins to shut down and does not wait.
pub struct Runtime {
    handle: Handle,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

/// What a shutdown came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Whether all shards had ended when the call returned. Not so when it was called on one of them,
    /// or when one was still in a poll at the deadline.
    pub finished: bool,
    /// Operations that the kernel still held at the deadline. Their memory was leaked.
    pub leaked_ops: usize,
    /// Tasks that were not dropped by the deadline.
    pub abandoned_tasks: usize,
    /// Shards that had not ended when the call returned.
    pub stuck_shards: usize,
    /// Blocking jobs, rather their threads, that had not ended when the call returned.
    pub blocking_running: usize,
}

impl Runtime {
    /// The runtime's address.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Drives `future` on the calling thread, which is no shard: each time that it waits for a task
    /// costs two wakes of a sleeping thread, some 40 us. [`Builder::run`](crate::Builder::run) does
    /// not.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Spawns a task that may move to another shard at any await.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Takes in no more tasks, drops those that there are, cancels all operations, and waits until the
    /// kernel has given everything back; at the deadline what is left is leaked and counted.
    ///
    /// May be called twice and from several threads: all wait for the same end, and the earliest
    /// deadline holds. On one of the runtime's own shards it only begins the shutdown.
    pub fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let report = shutdown(self.handle.core(), deadline);
        if report.finished {
            let threads = std::mem::take(&mut *self.threads.lock());
            launch::join(self.handle.core(), threads);
        }
        report
    }

    /// Makes this the current runtime of all threads that neither are shards nor have entered another
    /// one, until it shuts down or another is installed. So operations work on every worker of a
    /// program that runs on another executor.
    pub fn install(&self) {
        context::install(self.handle.clone());
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shutdown(DROP_DEADLINE);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// Starts all shards on threads of their own.
pub(crate) fn build(plan: Plan) -> Result<Runtime, BuildError> {
    let launch = plan.prepare()?;
    let handle = Handle::new(Arc::clone(&launch.core));
    let mut starting = launch.start_threads();
    if let Err(error) = starting.wait() {
        starting.abandon();
        return Err(error);
    }
    let threads = Mutex::new(starting.into_threads());
    Ok(Runtime { handle, threads })
}

/// Makes the calling thread shard 0 and drives `future` on it.
pub(crate) fn run<F: Future>(plan: Plan, future: F) -> Result<F::Output, BuildError> {
    if context::is_shard() {
        return Err(BuildError::config(
            "this thread is a shard of a running runtime: await here, or run the other runtime on a \
             thread of its own",
        ));
    }
    let stop = plan.hooks.stop.clone();
    let _unpin = Unpin::new(plan.cpus.is_some());
    let mut launch = plan.prepare()?;
    let core = Arc::clone(&launch.core);
    let first = launch.berths.remove(0);
    let mut starting = launch.start_threads();
    let shard = match first.start() {
        Ok(shard) => shard,
        Err(error) => {
            starting.abandon();
            return Err(BuildError::driver(error));
        }
    };
    let mut result = None;
    let mut started = Ok(());
    let remains = launch::or_abort(|| {
        shard::with(shard, |shard| {
            started = starting.wait();
            if started.is_ok() {
                result = drive(shard, future);
            }
            launch::begin_shutdown(&core, DROP_DEADLINE);
            shard.shut_down()
        })
    });
    launch::call(stop.as_ref());
    launch::end(&core, remains);
    core.shutdown.wait(DROP_DEADLINE);
    core.pool.join(Instant::now() + DROP_DEADLINE);
    launch::join(&core, starting.into_threads());
    started?;
    match result {
        Some(Ok(output)) => Ok(output),
        Some(Err(payload)) => panic::resume_unwind(payload),
        None => Err(BuildError::new(BuildErrorKind::ShutDown)),
    }
}

/// Drives a future on the calling thread: a shard goes on working meanwhile, another thread sleeps.
#[track_caller]
pub(crate) fn block_on<F: Future>(handle: &Handle, future: F) -> F::Output {
    let Some(shard) = context::with_shard_of(handle.core().id, Rc::clone) else {
        return block_on_outside(handle, future);
    };
    match drive(&shard, future) {
        Some(Ok(output)) => output,
        Some(Err(payload)) => panic::resume_unwind(payload),
        None => panic!("the runtime was shut down while block_on waited on one of its shards"),
    }
}

/// Drives a future on a shard, besides its tasks. None if a shutdown's deadline comes first. The future
/// is dropped before this returns.
#[track_caller]
fn drive<F: Future>(shard: &Rc<Shard>, future: F) -> Option<Result<F::Output, Payload>> {
    let mut running = Running::new(shard.next_id(), Place::At(Location::caller()));
    let mut future = pin!(Some(future));
    let mut result = None;
    let mut poll = |cx: &mut Context<'_>| {
        let Some(pinned) = future.as_mut().as_pin_mut() else {
            return true;
        };
        let budget = context::begin_poll(&mut running);
        let polled = catch(|| pinned.poll(cx));
        context::end_poll(&mut running, budget);
        result = match polled {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(output)) => Some(Ok(output)),
            Err(payload) => Some(Err(payload)),
        };
        true
    };
    shard.drive(Some(Root::new(shard.peer(), &mut poll)));
    match catch(|| future.set(None)) {
        Ok(()) => result,
        Err(payload) => Some(Err(payload)),
    }
}

/// Drives a future on a thread that is no shard of the runtime.
fn block_on_outside<F: Future>(handle: &Handle, future: F) -> F::Output {
    let _entered = handle.enter();
    let parker = Arc::new(Parker {
        thread: thread::current(),
        woken: AtomicBool::new(false),
    });
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        while !parker.woken.swap(false, AcqRel) {
            thread::park();
        }
    }
}

/// Wakes a thread that drives a future.
struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release pairs with the AcqRel in `block_on_outside`.
        if !self.woken.swap(true, Release) {
            self.thread.unpark();
        }
    }
}

/// Shuts a runtime down, and waits unless the caller is one of its shards.
pub(crate) fn shutdown(core: &Core, deadline: Duration) -> ShutdownReport {
    launch::begin_shutdown(core, deadline);
    if context::with_shard_of(core.id, |_| ()).is_some() {
        return ShutdownReport::default();
    }
    let until = later(Instant::now(), deadline);
    let progress = core.shutdown.wait(deadline);
    ShutdownReport {
        finished: core.shutdown.is_ended(),
        leaked_ops: progress.leaked,
        abandoned_tasks: progress.abandoned,
        stuck_shards: core.shutdown.shards() - progress.ended,
        blocking_running: core.pool.join(until),
    }
}
