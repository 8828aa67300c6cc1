//! What a shard does between polls: its inbox, its timers, its driver, its bells.
//!
//! Nothing foreign runs under a borrow: notes are taken out of the inbox, timers out of the wheel and
//! completions out of the ring first.

use std::{mem, sync::Arc};

use ringmesh_msg::ShardId;

use super::{REAP_MAX, Shard};
use crate::{core::Note, shield, time::Timer};

impl Shard {
    /// Does what other threads asked for. `true` if there was something.
    #[inline]
    pub(super) fn serve_inbox(&self) -> bool {
        if self.peer.inbox.is_empty() {
            return false;
        }
        self.drain_inbox();
        true
    }

    fn drain_inbox(&self) {
        let mut notes = self.notes.take();
        let count = self.peer.inbox.drain(&mut notes);
        self.counters().notes.add(count as u64);
        self.with_shared_bells(|| {
            for note in notes.drain(..) {
                self.serve(note);
            }
        });
        // Kept for its capacity. A nested drain may have left another one.
        drop(self.notes.replace(notes));
    }

    /// Does what one note asks for.
    pub(super) fn serve(&self, note: Note) {
        match note {
            // Woken from afar: behind those who are here.
            Note::Run(runnable) => self.push(runnable.metadata().home, runnable, true),
            Note::Post(work) => shield::shield(work),
            Note::Retire(key) => self.tasks.borrow_mut().remove(key),
            Note::Abort { key, id } => {
                let task = self.tasks.borrow_mut().take(key, id);
                drop(task);
            }
            Note::Arm(timer) => {
                let refused = self.timers.borrow_mut().arm(timer);
                drop(refused);
            }
            Note::Disarm(timer) => {
                let disarmed = self.timers.borrow_mut().disarm(&timer);
                drop(disarmed);
            }
        }
    }

    /// Fires the timers that are due by the batch's clock.
    pub(super) fn fire_timers(&self) -> bool {
        let now = self.clock.get();
        let mut timers = self.timers.borrow_mut();
        if !timers.is_due(now) {
            return false;
        }
        let due = timers.expire(now);
        drop(timers);
        self.counters().timers_fired.add(due.len() as u64);
        let any = !due.is_empty();
        for timer in due {
            timer.fire();
        }
        any
    }

    /// Completes what is ready. `true` if something was.
    #[inline]
    pub(super) fn reap(&self) -> bool {
        self.driver.ready() && self.reap_some() > 0
    }

    pub(super) fn reap_some(&self) -> usize {
        let mut reaped = 0;
        self.with_shared_bells(|| reaped = self.driver.reap(REAP_MAX));
        reaped
    }

    /// Hands queued operations to the kernel.
    #[inline]
    pub(super) fn submit(&self) {
        if self.driver.unsubmitted() > 0 {
            self.driver.submit();
        }
    }

    /// Rings another shard: at once, or at the end of the reap or the drain that is going on.
    pub(crate) fn ring(&self, target: ShardId) {
        self.counters().doorbells.add(1);
        if self.bells_wait.get() {
            self.bells.borrow_mut().push(target);
        } else {
            self.driver.bell(target);
        }
    }

    /// Runs `work` so that the bells it owes share one system call.
    fn with_shared_bells(&self, work: impl FnOnce()) {
        let outer = self.bells_wait.replace(true);
        work();
        self.bells_wait.set(outer);
        if !outer {
            self.flush_bells();
        }
    }

    /// Rings the bells owed.
    pub(super) fn flush_bells(&self) {
        if self.bells.borrow().is_empty() {
            return;
        }
        let bells = mem::take(&mut *self.bells.borrow_mut());
        match bells[..] {
            [target] => self.driver.bell(target),
            _ => self.driver.bells(&bells),
        }
    }

    /// Arms a timer in this shard's wheel.
    pub(crate) fn arm(&self, timer: &Arc<Timer>) {
        let refused = self.timers.borrow_mut().arm(Arc::clone(timer));
        drop(refused);
    }
}
