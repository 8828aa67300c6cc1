//! Where a woken task goes.
//!
//! The schedule function of a task may be called on any thread, at any time, also when its runtime is
//! long gone: dropping the last waker of a detached task schedules it once more. So it holds its
//! shard's [`Peer`], which outlives the runtime as long as a waker does, and no more.

use std::{cell::RefCell, mem, sync::Arc};

use super::Runnable;
use crate::{
    context,
    core::{Note, Peer},
    shield,
};

/// Where a task may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// On the shard that wakes it, and on any that steals it.
    Anywhere,
    /// On its own shard, or on one that steals it from there.
    Preferred,
    /// On its own shard only; `Send`, so that any thread may drop it.
    Pinned,
    /// On its own shard only; `!Send`: another thread must not even drop it.
    Local,
}

impl Home {
    pub(crate) fn is_pinned(self) -> bool {
        matches!(self, Self::Pinned | Self::Local)
    }
}

impl Peer {
    /// Puts a woken task where it will run. `self` is the shard that spawned it, or its home.
    #[inline]
    pub(crate) fn schedule(self: &Arc<Self>, home: Home, runnable: Runnable, yielded: bool) {
        let mut runnable = Some(runnable);
        context::with_shard_of(self.runtime, |shard| {
            let here = home == Home::Anywhere || shard.id() == self.id;
            if let (true, Some(runnable)) = (here, runnable.take_if(|_| here)) {
                shard.push(home, runnable, yielded);
            }
        });
        if let Some(runnable) = runnable {
            self.schedule_from_afar(home, runnable);
        }
    }

    /// The caller is not a shard on which the task may run.
    fn schedule_from_afar(self: &Arc<Self>, home: Home, runnable: Runnable) {
        if home == Home::Anywhere {
            match self.core() {
                Some(core) => core.inject(runnable),
                None => bury(runnable),
            }
            return;
        }
        match self.inbox.push(Note::Run { home, runnable }) {
            Ok(()) => self.nudge(),
            Err(Note::Run { runnable, .. }) if home == Home::Local => {
                // Its future may only be dropped by its shard's thread, which has ended: leaked.
                mem::forget(runnable);
            }
            Err(note) => {
                if let Note::Run { runnable, .. } = note {
                    bury(runnable);
                }
            }
        }
    }
}

thread_local! {
    /// Tasks to be dropped, while one is being dropped further up the stack.
    static GRAVES: RefCell<Option<Vec<Runnable>>> = const { RefCell::new(None) };
}

/// Drops a task whose runtime is gone. Its future may hold the last waker of another such task, and
/// so on: they are dropped one after the other, not one inside the other.
pub(crate) fn bury(runnable: Runnable) {
    let mut runnable = Some(runnable);
    let nested = GRAVES.try_with(|graves| {
        let mut graves = graves.borrow_mut();
        match &mut *graves {
            Some(graves) => {
                graves.extend(runnable.take());
                true
            }
            none => {
                *none = Some(Vec::new());
                false
            }
        }
    });
    match nested {
        Ok(true) => {}
        Ok(false) => {
            while let Some(next) = runnable.take() {
                shield::shield(move || drop(next));
                runnable = GRAVES.with(|graves| graves.borrow_mut().as_mut().and_then(Vec::pop));
            }
            GRAVES.with(|graves| *graves.borrow_mut() = None);
        }
        // The thread is ending: no list any more.
        Err(_) => shield::shield(move || drop(runnable)),
    }
}
