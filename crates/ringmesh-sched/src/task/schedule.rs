//! Where a woken task goes.
//!
//! The schedule function of a task may be called on any thread, at any time, also when its runtime is
//! long gone: dropping the last waker of a detached task schedules it once more. So it relies on nothing
//! but the numbers in the task's own header.

use std::{cell::RefCell, mem};

use async_task::ScheduleInfo;

use super::{Header, Home, Runnable};
use crate::{context, core::Note, runtimes, shield};

/// Puts a woken task where it will run.
#[inline]
pub(crate) fn schedule(runnable: Runnable, info: ScheduleInfo) {
    let Header { origin, home, .. } = *runnable.metadata();
    let mut runnable = Some(runnable);
    context::with_shard_of(origin.runtime, |shard| {
        let here = home == Home::Anywhere || shard.id() == origin.shard;
        if let Some(runnable) = runnable.take_if(|_| here) {
            shard.push(home, runnable, info.woken_while_running);
        }
    });
    if let Some(runnable) = runnable {
        schedule_from_afar(runnable);
    }
}

/// The caller is not a shard on which the task may run.
#[cold]
fn schedule_from_afar(runnable: Runnable) {
    let Header { origin, home, .. } = *runnable.metadata();
    let Some(core) = runtimes::find(origin.runtime) else {
        return lose(home, runnable);
    };
    if home == Home::Anywhere {
        return core.inject(runnable);
    }
    let peer = &core.peers[origin.shard.index()];
    match peer.inbox.push(Note::Run(runnable)) {
        Ok(()) => peer.nudge(),
        Err(Note::Run(runnable)) => lose(home, runnable),
        Err(note) => shield::drop_quietly(note),
    }
}

/// The task's shard is gone.
#[cold]
fn lose(home: Home, runnable: Runnable) {
    if home == Home::Local {
        // Only its shard's thread may drop its future, and that has ended: leaked.
        mem::forget(runnable);
    } else {
        bury(runnable);
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
