//! The cell through which a task's result reaches its handle.
//!
//! ```text
//!            complete (guard)            take (handle)
//!  Pending ------------------> Done ------------------> Taken
//!     |                          |
//!     | detach (handle dropped)  | detach: the output is dropped
//!     v                          v
//!  Detached --- complete: the output is dropped
//! ```
//!
//! `done` and `aborted` stand outside the lock, so that a look costs one load.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU32,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::{Id, error::Cause, registry::UNLISTED};
use crate::{
    context,
    core::{Core, Note},
    runtimes, shield,
};

/// What a task ends with.
pub(crate) type Outcome<T> = Result<T, Cause>;

/// Where a task is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) runtime: u32,
    /// The index of the shard, or [`OUTSIDE`].
    pub(crate) lister: u32,
}

/// The list of the threads that are no shards.
pub(crate) const OUTSIDE: u32 = u32::MAX;

/// Shared by a task's guard and its handle.
pub(crate) struct JoinCell<T> {
    listed: Listed,
    key: AtomicU32,
    done: AtomicBool,
    aborted: AtomicBool,
    state: Mutex<State<T>>,
}

enum State<T> {
    Pending(Option<Waker>),
    Done(Outcome<T>),
    Taken,
    Detached,
}

impl<T> JoinCell<T> {
    #[inline]
    pub(crate) fn new(listed: Listed) -> Self {
        Self {
            listed,
            key: AtomicU32::new(UNLISTED),
            done: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            state: Mutex::new(State::Pending(None)),
        }
    }

    /// Remembers the task's place in its registry. Called before the task is first scheduled, which
    /// publishes it.
    #[inline]
    pub(crate) fn set_key(&self, key: u32) {
        self.key.store(key, Relaxed);
    }

    /// Strikes the task off its registry and counts its end; the guard calls this once, when the
    /// future is gone.
    #[inline]
    pub(crate) fn retire(&self, panicked: bool) {
        let key = self.key.load(Relaxed);
        if key == UNLISTED {
            return;
        }
        let here = context::with_shard_of(self.listed.runtime, |shard| {
            shard.counters().tasks_done.add(1);
            if panicked {
                shard.counters().tasks_panicked.add(1);
            }
            if shard.id().index() == self.listed.lister as usize {
                shard.tasks().borrow_mut().remove(key);
            } else {
                retire_from_afar(shard.core(), self.listed.lister, key);
            }
        });
        if here.is_none()
            && let Some(core) = runtimes::find(self.listed.runtime)
        {
            core.outside.tasks_done.add_shared(1);
            core.outside.tasks_panicked.add_shared(panicked.into());
            retire_from_afar(&core, self.listed.lister, key);
        }
    }

    /// Stores the outcome, or drops it if nobody wants it, and wakes the handle.
    pub(crate) fn complete(&self, outcome: Outcome<T>) {
        let mut state = self.state.lock();
        // Release pairs with the Acquire in `is_done`.
        self.done.store(true, Release);
        match &mut *state {
            State::Pending(waker) => {
                let waker = waker.take();
                *state = State::Done(outcome);
                drop(state);
                if let Some(waker) = waker {
                    shield::wake(waker);
                }
            }
            _ => {
                drop(state);
                shield::drop_quietly(outcome);
            }
        }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Acquire)
    }

    /// Whether the task was ended by its handle.
    pub(crate) fn is_aborted(&self) -> bool {
        self.aborted.load(Acquire)
    }

    /// Flags the task and cancels it: its future is dropped where it would have been polled next.
    pub(crate) fn abort(&self, id: Id) {
        if self.is_done() || self.is_aborted() {
            return;
        }
        // Release pairs with the Acquire in `is_aborted`; the cancellation below publishes it, too.
        self.aborted.store(true, Release);
        let key = self.key.load(Relaxed);
        if key == UNLISTED {
            return;
        }
        let Listed { runtime, lister } = self.listed;
        let here = context::with_shard_of(runtime, |shard| {
            (shard.id().index() == lister as usize)
                .then(|| shard.tasks().borrow_mut().take(key, id))
        });
        if let Some(Some(task)) = here {
            drop(task);
        } else if let Some(core) = runtimes::find(runtime) {
            abort_from_afar(&core, lister, key, id);
        }
    }

    /// Takes the outcome, or has `cx` woken when there is one.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Outcome<T>> {
        if self.is_done() {
            return Poll::Ready(self.take());
        }
        // Cloning and dropping a foreign waker is foreign code: not under the lock.
        let mut fresh = Some(cx.waker().clone());
        let mut state = self.state.lock();
        let pending = match &mut *state {
            State::Pending(waker) => {
                let known = waker
                    .as_ref()
                    .is_some_and(|waker| waker.will_wake(cx.waker()));
                if !known {
                    mem::swap(waker, &mut fresh);
                }
                true
            }
            _ => false,
        };
        drop(state);
        drop(fresh);
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(self.take())
        }
    }

    fn take(&self) -> Outcome<T> {
        mem::replace(&mut *self.state.lock(), State::Taken).into_outcome()
    }

    /// Takes the outcome of a task that is done: without the lock if the guard is gone, too.
    #[inline]
    pub(crate) fn into_outcome(self: Arc<Self>) -> Outcome<T> {
        match Arc::try_unwrap(self) {
            Ok(cell) => cell.state.into_inner().into_outcome(),
            Err(cell) => cell.take(),
        }
    }

    /// The handle is gone: nobody wants the output.
    pub(crate) fn detach(&self) {
        let old = mem::replace(&mut *self.state.lock(), State::Detached);
        shield::shield(move || drop(old));
    }
}

impl<T> State<T> {
    fn into_outcome(self) -> Outcome<T> {
        match self {
            Self::Done(outcome) => outcome,
            _ => unreachable!("taken once, and only when done"),
        }
    }
}

/// Tells a list of another thread that a task's future is gone.
#[cold]
fn retire_from_afar(core: &Core, lister: u32, key: u32) {
    if lister == OUTSIDE {
        let mut outsiders = core.outsiders.lock();
        outsiders.remove(key);
        let last = outsiders.is_empty();
        drop(outsiders);
        if last && !core.shutdown.is_running() {
            core.peers[0].nudge();
        }
        return;
    }
    let peer = &core.peers[lister as usize];
    let closed = peer.inbox.push(Note::Retire(key));
    drop(closed);
    // No bell for memory, unless it is much; but a shutdown waits for it.
    if peer.inbox.len_hint() > RETIRED_MAX || !core.shutdown.is_running() {
        peer.nudge();
    }
}

/// How many retired tasks may wait for a sleeping shard. Picked: some 50 KiB.
const RETIRED_MAX: usize = 256;

/// Has a task cancelled by the owner of its list.
#[cold]
fn abort_from_afar(core: &Core, lister: u32, key: u32, id: Id) {
    if lister == OUTSIDE {
        let task = core.outsiders.lock().take(key, id);
        drop(task);
        return;
    }
    let peer = &core.peers[lister as usize];
    match peer.inbox.push(Note::Abort { key, id }) {
        Ok(()) => peer.nudge(),
        Err(closed) => drop(closed),
    }
}
