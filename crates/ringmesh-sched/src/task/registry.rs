//! The list of tasks that somebody is answerable for.
//!
//! A task that waits is known only to wakers; two tasks that hold each other's channel ends would
//! never be dropped. So each task is listed from its spawn to the end of its future, and a shutdown
//! ends what is listed.
//!
//! A task is listed where it is spawned: each shard has a list of its own, which its thread alone
//! touches (locks would be a fifth of the cost of a spawn), and threads that are no shards share one
//! behind a lock. Who ends a task elsewhere sends its key home; so a key is free again only when the
//! list's owner says so.
//!
//! What is listed is the task's `async_task::Task`. Dropping that cancels the task: it is scheduled once
//! more, on its own shard, and its future is dropped there instead of being polled.

use std::mem;

use slab::Slab;

use super::{Header, Id};

/// The handle that `async-task` gives out; its output is `()`, ours goes through the join cell.
pub(crate) type Task = async_task::Task<(), Header>;

/// No key: the task is not listed.
pub(crate) const UNLISTED: u32 = u32::MAX;

/// One list of tasks.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    closed: bool,
    /// A task that is cancelled stays listed, without its handle, until its future is gone.
    tasks: Slab<(Id, Option<Task>)>,
}

impl Registry {
    /// Lists a task. Gives it back once the registry is closed: it must not run.
    #[inline]
    pub(crate) fn insert(&mut self, id: Id, task: Task) -> Result<u32, Task> {
        if self.closed || self.tasks.len() >= UNLISTED as usize {
            return Err(task);
        }
        Ok(self.tasks.insert((id, Some(task))) as u32)
    }

    /// Strikes a task off whose future is gone.
    #[inline]
    pub(crate) fn remove(&mut self, key: u32) {
        if let Some((_, Some(task))) = self.tasks.try_remove(key as usize) {
            task.detach();
        }
    }

    /// The handle of a task that is to be cancelled, if `key` is still its key. Drop it outside of any
    /// lock or borrow: that schedules the task.
    #[must_use]
    pub(crate) fn take(&mut self, key: u32, id: Id) -> Option<Task> {
        let (listed, task) = self.tasks.get_mut(key as usize)?;
        if *listed == id { task.take() } else { None }
    }

    /// Lists no more tasks, and returns the handles of those that are listed, to be dropped outside of
    /// any lock or borrow.
    #[must_use]
    pub(crate) fn close(&mut self) -> Vec<Task> {
        self.closed = true;
        self.tasks
            .iter_mut()
            .filter_map(|(_, (_, task))| task.take())
            .collect()
    }

    /// Gives up on the tasks that are still listed (a shutdown's deadline).
    pub(crate) fn abandon(&mut self) -> usize {
        mem::take(&mut self.tasks).len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}
