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
    id: Id,
    /// None once the result was given.
    cell: Option<Arc<JoinCell<T>>>,
}

impl<T> JoinHandle<T> {
    #[inline]
    pub(crate) fn new(id: Id, cell: Arc<JoinCell<T>>) -> Self {
        Self {
            id,
            cell: Some(cell),
        }
    }

    /// Ends the task at its next turn: its future is dropped on the shard where it would have run.
    /// Awaiting the handle then gives a cancelled [`JoinError`], unless the task was done first.
    ///
    /// A job of [`spawn_blocking`](crate::spawn_blocking) ends only if it has not started.
    pub fn abort(&self) {
        if let Some(cell) = &self.cell {
            cell.abort(self.id);
        }
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.cell.as_ref().is_none_or(|cell| cell.is_done())
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let id = self.id;
        let outcome = match &self.cell {
            Some(cell) if !cell.is_done() => match cell.poll(cx) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => return Poll::Pending,
            },
            _ => match self.cell.take() {
                Some(cell) => cell.into_outcome(),
                None => panic!("a JoinHandle was polled after it had given its result"),
            },
        };
        self.cell = None;
        Poll::Ready(outcome.map_err(|cause| JoinError::new(id, cause)))
    }
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if let Some(cell) = &self.cell {
            cell.detach();
        }
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
