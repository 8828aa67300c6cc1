//! The handle of a spawned task.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{Id, JoinCell, JoinError};

/// Awaits a task's output, or ends the task. Dropping it lets the task run on by itself.
///
/// May be awaited on any thread and in any executor. It is cancel-safe: dropping the handle's future
/// (it is the handle) detaches the task and loses only its output.
///
/// ```
/// # use ringmesh_sched::{Builder, memory, spawn};
/// # Builder::new(memory::Factory::new()).shards(1).run(async {
/// let task = spawn(async { 6 * 7 });
/// assert_eq!(task.await.unwrap(), 42);
///
/// let task = spawn(async { panic!("only this task") });
/// assert!(task.await.unwrap_err().is_panic());
///
/// let task = spawn(std::future::pending::<()>());
/// task.abort();
/// assert!(task.await.unwrap_err().is_cancelled());
/// # }).unwrap();
/// ```
pub struct JoinHandle<T> {
    cell: Arc<JoinCell<T>>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(cell: Arc<JoinCell<T>>) -> Self {
        Self { cell }
    }

    /// Ends the task at its next turn: its future is dropped on the shard where it would have run.
    /// Awaiting the handle then gives a cancelled [`JoinError`], unless the task was done first.
    ///
    /// A job of [`spawn_blocking`](crate::spawn_blocking) ends only if it has not started.
    pub fn abort(&self) {
        self.cell.abort();
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.cell.is_done()
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.cell.id()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let error = |cause| JoinError::new(self.id(), cause);
        self.cell.poll(cx).map(|outcome| outcome.map_err(error))
    }
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        self.cell.detach();
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("finished", &self.is_finished())
            .finish()
    }
}
