//! The list of tasks that a shard is answerable for.
//!
//! A task that waits is known only to wakers; two tasks that hold each other's channel ends would
//! never be dropped. So each task is listed from its spawn to the end of its future, with a waker,
//! and a shutdown wakes and then drops what is listed.

use std::{mem, task::Waker};

use parking_lot::Mutex;
use slab::Slab;

use super::Id;

/// The tasks spawned on, or for, one shard.
#[derive(Default)]
pub(crate) struct Registry {
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    closed: bool,
    entries: Slab<(Id, Waker)>,
}

/// No key: the task is not listed.
pub(crate) const UNLISTED: u32 = u32::MAX;

impl Registry {
    /// Lists a task. Gives the waker back once the registry is closed: the task must not run.
    #[inline]
    pub(crate) fn insert(&self, id: Id, waker: Waker) -> Result<u32, Waker> {
        let mut tasks = self.tasks.lock();
        if tasks.closed || tasks.entries.len() >= UNLISTED as usize {
            return Err(waker);
        }
        Ok(tasks.entries.insert((id, waker)) as u32)
    }

    /// Strikes a task off. `true` if the registry is closed and this was its last task.
    #[inline]
    pub(crate) fn remove(&self, key: u32) -> bool {
        let mut tasks = self.tasks.lock();
        let entry = tasks.entries.try_remove(key as usize);
        let last = tasks.closed && tasks.entries.is_empty();
        drop(tasks);
        // Outside the lock, though it is our own waker and runs no foreign code.
        drop(entry);
        last
    }

    /// The waker of a listed task, if `key` is still its key.
    pub(crate) fn waker(&self, key: u32, id: Id) -> Option<Waker> {
        let tasks = self.tasks.lock();
        let (listed, waker) = tasks.entries.get(key as usize)?;
        (*listed == id).then(|| waker.clone())
    }

    /// Lists no more tasks, and returns a waker of each task that is listed.
    pub(crate) fn close(&self) -> Vec<Waker> {
        let mut tasks = self.tasks.lock();
        tasks.closed = true;
        tasks
            .entries
            .iter()
            .map(|(_, (_, waker))| waker.clone())
            .collect()
    }

    /// Gives up on the tasks that are still listed (deadline): their wakers are dropped.
    pub(crate) fn abandon(&self) -> usize {
        let entries = mem::take(&mut self.tasks.lock().entries);
        entries.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.lock().entries.len()
    }
}
