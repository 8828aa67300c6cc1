//! What a [`Sleep`](super::Sleep) and its shard's wheel share.
//!
//! ```text
//!            fire (home shard)
//!   Armed ----------------------> Fired
//!     |  \----------------------> Lost       lose (home shard, at its end)
//!     | cancel (any thread)
//!     v
//!   Cancelled
//! ```

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU32,
            Ordering::{AcqRel, Acquire, Relaxed},
        },
    },
    task::Waker,
    time::Instant,
};

use parking_lot::Mutex;

use crate::{
    context,
    core::{Note, Peer},
    shield,
};

const ARMED: u8 = 0;
const FIRED: u8 = 1;
const CANCELLED: u8 = 2;
const LOST: u8 = 3;

/// No entry in the wheel.
pub(crate) const UNLINKED: u32 = u32::MAX;

/// One armed sleep.
#[derive(Debug)]
pub(crate) struct Timer {
    state: AtomicU8,
    /// The entry in the home shard's wheel; only that shard reads and writes it.
    key: AtomicU32,
    /// The deadline that it was armed with. The wheel knows the present one.
    pub(crate) deadline: Instant,
    waker: Mutex<Option<Waker>>,
    home: Arc<Peer>,
}

/// What became of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Not yet due.
    Armed,
    /// Due, and over.
    Fired,
    /// Its shard has ended.
    Lost,
}

impl Timer {
    pub(crate) fn new(deadline: Instant, home: Arc<Peer>, waker: Waker) -> Self {
        Self {
            state: AtomicU8::new(ARMED),
            key: AtomicU32::new(UNLINKED),
            deadline,
            waker: Mutex::new(Some(waker)),
            home,
        }
    }

    pub(crate) fn key(&self) -> u32 {
        self.key.load(Relaxed)
    }

    pub(crate) fn set_key(&self, key: u32) {
        self.key.store(key, Relaxed);
    }

    pub(crate) fn fate(&self) -> Fate {
        // Acquire pairs with the AcqRel in `end`.
        match self.state.load(Acquire) {
            FIRED => Fate::Fired,
            LOST => Fate::Lost,
            _ => Fate::Armed,
        }
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.state.load(Acquire) == ARMED
    }

    /// Has `waker` called when the timer fires, and says whether it has.
    pub(crate) fn register(&self, waker: &Waker) -> Fate {
        let fate = self.fate();
        if fate != Fate::Armed {
            return fate;
        }
        let known = self
            .waker
            .lock()
            .as_ref()
            .is_some_and(|known| known.will_wake(waker));
        if !known {
            // Cloning and dropping a foreign waker is foreign code: not under the lock.
            let waker = waker.clone();
            let old = self.waker.lock().replace(waker);
            drop(old);
        }
        // Looked at again: `end` sets the state, then takes the waker.
        self.fate()
    }

    /// The deadline is reached: home shard.
    pub(crate) fn fire(&self) {
        self.end(FIRED);
    }

    /// The home shard ends.
    pub(crate) fn lose(&self) {
        self.end(LOST);
    }

    fn end(&self, state: u8) {
        if self
            .state
            .compare_exchange(ARMED, state, AcqRel, Relaxed)
            .is_ok()
        {
            let waker = self.waker.lock().take();
            if let Some(waker) = waker {
                shield::wake(waker);
            }
        }
    }

    /// Nobody waits any more: unlinked at once on the home shard, else by its inbox and without a bell.
    /// Returns the waker that is not called any more; none if the timer was over.
    pub(crate) fn cancel(self: Arc<Self>) -> Option<Waker> {
        if self
            .state
            .compare_exchange(ARMED, CANCELLED, AcqRel, Relaxed)
            .is_err()
        {
            return None;
        }
        let waker = self.waker.lock().take();
        let disarmed = self.at_home(|shard| shard.timers().borrow_mut().disarm(&self));
        if disarmed.is_none() {
            let home = Arc::clone(&self.home);
            let closed = home.inbox.push(Note::Disarm(self));
            drop(closed);
        }
        waker
    }

    /// Moves the deadline, if this is the home shard and the timer is armed.
    pub(crate) fn move_to(&self, deadline: Instant) -> bool {
        self.is_armed()
            && self
                .at_home(|shard| shard.timers().borrow_mut().rearm(self, deadline))
                .unwrap_or(false)
    }

    fn at_home<R>(&self, f: impl FnOnce(&crate::shard::Shard) -> R) -> Option<R> {
        context::with_shard_of(self.home.runtime, |shard| {
            (shard.id() == self.home.id).then(|| f(shard))
        })
        .flatten()
    }
}
