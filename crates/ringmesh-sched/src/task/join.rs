//! The cell through which a task's result reaches its handle.
//!
//! ```text
//!            complete (guard)            poll (handle)
//!  Pending ------------------> Done ------------------> Taken
//!     |                          |
//!     | detach (handle dropped)  | detach: the output is dropped
//!     v                          v
//!  Detached --- complete: the output is dropped
//! ```
//!
//! `DONE` and `ABORT` are also flags outside the lock, so that a look costs one load.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU32,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll, Waker},
};

use parking_lot::Mutex;

use super::{Id, JoinError, registry::UNLISTED};
use crate::{core::Peer, shield};

const DONE: u8 = 1;
const ABORT: u8 = 2;

/// What a task ends with.
pub(crate) type Outcome<T> = Result<T, JoinError>;

/// Shared by a task's guard and its handle.
pub(crate) struct JoinCell<T> {
    id: Id,
    /// The shard in whose registry the task is listed; none for blocking jobs and refused tasks.
    origin: Option<Arc<Peer>>,
    key: AtomicU32,
    flags: AtomicU8,
    state: Mutex<State<T>>,
}

enum State<T> {
    Pending(Option<Waker>),
    Done(Outcome<T>),
    Taken,
    Detached,
}

impl<T> JoinCell<T> {
    pub(crate) fn new(id: Id, origin: Option<Arc<Peer>>) -> Self {
        Self {
            id,
            origin,
            key: AtomicU32::new(UNLISTED),
            flags: AtomicU8::new(0),
            state: Mutex::new(State::Pending(None)),
        }
    }

    /// A cell that is done from the start.
    pub(crate) fn done(id: Id, outcome: Outcome<T>) -> Self {
        let cell = Self::new(id, None);
        cell.complete(outcome);
        cell
    }

    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Remembers the task's place in its registry. Called before the task is first scheduled, which
    /// publishes it.
    pub(crate) fn listed(&self, key: u32) {
        self.key.store(key, Relaxed);
    }

    /// Strikes the task off its registry and counts its end; the guard calls this once, when the
    /// future is gone.
    pub(crate) fn retire(&self, panicked: bool) {
        let Some(origin) = &self.origin else { return };
        origin.count_done(panicked);
        let key = self.key.load(Relaxed);
        if key != UNLISTED && origin.registry.remove(key) {
            origin.nudge();
        }
    }

    /// Stores the outcome, or drops it if nobody wants it, and wakes the handle.
    pub(crate) fn complete(&self, outcome: Outcome<T>) {
        let mut state = self.state.lock();
        // Release pairs with the Acquire in `is_done`.
        self.flags.fetch_or(DONE, Release);
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

    pub(crate) fn is_done(&self) -> bool {
        self.flags.load(Acquire) & DONE != 0
    }

    /// Whether the task shall end at its next poll.
    #[inline]
    pub(crate) fn is_aborted(&self) -> bool {
        // Acquire pairs with the AcqRel in `abort`: what the aborter did before is visible.
        self.flags.load(Acquire) & ABORT != 0
    }

    /// Flags the task and wakes it, so that the guard drops the future where it runs.
    pub(crate) fn abort(&self) {
        if self.flags.fetch_or(ABORT, AcqRel) & (ABORT | DONE) != 0 {
            return;
        }
        let waker = self
            .origin
            .as_ref()
            .and_then(|origin| origin.registry.waker(self.key.load(Relaxed), self.id));
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
        match &mut *state {
            State::Pending(waker) => {
                let known = waker
                    .as_ref()
                    .is_some_and(|waker| waker.will_wake(cx.waker()));
                if !known {
                    mem::swap(waker, &mut fresh);
                }
                drop(state);
                drop(fresh);
                Poll::Pending
            }
            _ => {
                drop(state);
                drop(fresh);
                Poll::Ready(self.take())
            }
        }
    }

    fn take(&self) -> Outcome<T> {
        let taken = mem::replace(&mut *self.state.lock(), State::Taken);
        match taken {
            State::Done(outcome) => outcome,
            _ => panic!("a JoinHandle was polled after it had given its result"),
        }
    }

    /// The handle is gone: nobody wants the output.
    pub(crate) fn detach(&self) {
        let old = {
            let mut state = self.state.lock();
            match &*state {
                State::Taken => return,
                _ => mem::replace(&mut *state, State::Detached),
            }
        };
        shield::shield(move || drop(old));
    }
}
