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
    sync::atomic::{
        AtomicBool, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::{Id, Origin, error::Cause, registry::UNLISTED};
use crate::{context, core::Core, runtimes, shield};

/// What a task ends with.
pub(crate) type Outcome<T> = Result<T, Cause>;

/// Shared by a task's guard and its handle.
pub(crate) struct JoinCell<T> {
    id: Id,
    /// In whose registry the task is listed, if it is.
    origin: Origin,
    key: AtomicU32,
    done: AtomicBool,
    aborted: AtomicBool,
    /// Written and read by the handle only: saves its drop the lock.
    taken: AtomicBool,
    state: Mutex<State<T>>,
}

enum State<T> {
    Pending(Option<Waker>),
    Done(Outcome<T>),
    Taken,
    Detached,
}

impl<T> JoinCell<T> {
    pub(crate) fn new(id: Id, origin: Origin) -> Self {
        Self {
            id,
            origin,
            key: AtomicU32::new(UNLISTED),
            done: AtomicBool::new(false),
            aborted: AtomicBool::new(false),
            taken: AtomicBool::new(false),
            state: Mutex::new(State::Pending(None)),
        }
    }

    #[inline]
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Remembers the task's place in its registry. Called before the task is first scheduled, which
    /// publishes it.
    #[inline]
    pub(crate) fn listed(&self, key: u32) {
        self.key.store(key, Relaxed);
    }

    /// Strikes the task off its registry and counts its end; the guard calls this once, when the
    /// future is gone.
    pub(crate) fn retire(&self, panicked: bool) {
        let key = self.key.load(Relaxed);
        if key == UNLISTED {
            return;
        }
        let here = context::with_shard_of(self.origin.runtime, |shard| {
            shard.counters().tasks_done.add(1);
            if panicked {
                shard.counters().tasks_panicked.add(1);
            }
            self.unlist(shard.core(), key);
        });
        if here.is_none()
            && let Some(core) = runtimes::find(self.origin.runtime)
        {
            core.outside.tasks_done.add_shared(1);
            core.outside.tasks_panicked.add_shared(panicked.into());
            self.unlist(&core, key);
        }
    }

    fn unlist(&self, core: &Core, key: u32) {
        let peer = &core.peers[self.origin.shard.index()];
        if peer.registry.remove(key) {
            peer.nudge();
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

    /// Whether the task shall end at its next poll.
    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        // Acquire pairs with the Release in `abort`: what the aborter did before is visible.
        self.aborted.load(Acquire)
    }

    /// Flags the task and wakes it, so that the guard drops the future where it runs.
    pub(crate) fn abort(&self) {
        if self.is_done() || self.is_aborted() {
            return;
        }
        self.aborted.store(true, Release);
        let key = self.key.load(Relaxed);
        if key == UNLISTED {
            return;
        }
        let waker = runtimes::find(self.origin.runtime).and_then(|core| {
            let peer = &core.peers[self.origin.shard.index()];
            peer.registry.waker(key, self.id)
        });
        if let Some(waker) = waker {
            waker.wake();
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
        let taken = mem::replace(&mut *self.state.lock(), State::Taken);
        self.taken.store(true, Relaxed);
        match taken {
            State::Done(outcome) => outcome,
            _ => panic!("a JoinHandle was polled after it had given its result"),
        }
    }

    /// The handle is gone: nobody wants the output.
    pub(crate) fn detach(&self) {
        if !self.taken.load(Relaxed) {
            let old = mem::replace(&mut *self.state.lock(), State::Detached);
            shield::shield(move || drop(old));
        }
    }
}
