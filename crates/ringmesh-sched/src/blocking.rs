//! The pool for functions that block.
//!
//! Bounded; threads are made when a job finds none idle, and end after [`IDLE_MAX`] without one. A job
//! that finds all threads busy waits in a queue that has no bound of its own.

use std::{collections::VecDeque, fmt, mem, sync::Arc, thread, time::Duration};

use parking_lot::{Condvar, Mutex};

use crate::{
    Handle, JoinHandle,
    shield::{self, catch},
    task::{Cause, JoinCell},
};

/// How long a thread waits for a job before it ends. Picked: tokio's figure.
const IDLE_MAX: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// The threads and the queue.
#[derive(Clone)]
pub(crate) struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    threads_max: usize,
    name: String,
    state: Mutex<State>,
    /// A job came, or the pool closed.
    work: Condvar,
    /// A thread ended.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl Pool {
    pub(crate) fn new(threads_max: usize, prefix: &str) -> Self {
        let shared = Shared {
            threads_max: threads_max.max(1),
            name: format!("{prefix}-blocking"),
            state: Mutex::default(),
            work: Condvar::new(),
            ended: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Queues a job; gives it back when the pool is closed or has no thread and can make none.
    fn push(&self, job: Job) -> Result<(), Job> {
        let mut state = self.shared.state.lock();
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        if state.idle >= state.jobs.len() {
            self.shared.work.notify_one();
            return Ok(());
        }
        if state.threads < self.shared.threads_max {
            state.threads += 1;
            drop(state);
            return self.start_thread();
        }
        Ok(())
    }

    fn start_thread(&self) -> Result<(), Job> {
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(shared.name.clone());
        if thread.spawn(move || shared.work()).is_ok() {
            return Ok(());
        }
        let mut state = self.shared.state.lock();
        state.threads -= 1;
        // Others will get to it, unless there are none.
        match state.threads {
            0 => state.jobs.pop_back().map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// Takes no more jobs and drops those that wait; threads end after their present job.
    pub(crate) fn close(&self) {
        let mut state = self.shared.state.lock();
        state.closed = true;
        let jobs = mem::take(&mut state.jobs);
        drop(state);
        self.shared.work.notify_all();
        shield::drop_quietly(jobs);
    }

    /// Waits for the threads to end, and returns how many have not.
    pub(crate) fn join(&self, until: std::time::Instant) -> usize {
        let mut state = self.shared.state.lock();
        while state.threads > 0 {
            if self.shared.ended.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.threads
    }
}

impl Shared {
    /// A thread's life.
    fn work(&self) {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                shield::shield(job);
                state = self.state.lock();
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let timed_out = self.work.wait_for(&mut state, IDLE_MAX).timed_out();
            state.idle -= 1;
            if timed_out && state.jobs.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        drop(state);
        self.ended.notify_all();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Pool")
            .field("threads", &state.threads)
            .field("idle", &state.idle)
            .field("queued", &state.jobs.len())
            .finish()
    }
}

/// A job that tells its handle what became of it, also when it is dropped unrun.
struct Work<T, F> {
    work: Option<F>,
    cell: Arc<JoinCell<T>>,
}

impl<T, F: FnOnce() -> T> Work<T, F> {
    fn run(mut self, handle: &Handle) {
        let Some(work) = self.work.take() else { return };
        let outcome = if self.cell.is_aborted() {
            let dropped = catch(move || drop(work));
            Err(dropped.map_or_else(Cause::panic, |()| Cause::Cancelled))
        } else {
            let _entered = handle.enter();
            catch(work).map_err(Cause::panic)
        };
        self.cell.complete(outcome);
    }
}

impl<T, F> Drop for Work<T, F> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            shield::drop_quietly(work);
            self.cell.complete(Err(Cause::RuntimeGone));
        }
    }
}

/// Runs `work` on the pool of a runtime.
pub(crate) fn spawn<T, F>(handle: &Handle, work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let core = handle.core();
    let id = core.next_id();
    let cell = Arc::new(JoinCell::new(core.peers[0].listed()));
    let work = Work {
        work: Some(work),
        cell: Arc::clone(&cell),
    };
    let handle = handle.clone();
    if let Err(job) = core.pool.push(Box::new(move || work.run(&handle))) {
        drop(job);
    }
    JoinHandle::new(id, cell)
}
