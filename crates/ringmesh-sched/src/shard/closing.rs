//! A shard's part in a shutdown; the phases stand in `core/shutdown.rs`.

use super::Shard;
use crate::{core::Note, shield, task::Runnable};

/// What a shard leaves behind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remains {
    /// Operations leaked.
    pub(crate) leaked: usize,
    /// Tasks that were not dropped in time.
    pub(crate) abandoned: usize,
}

impl Shard {
    /// Goes through the phases and leaves the shard empty.
    pub(crate) fn shut_down(&self) -> Remains {
        let shutdown = &self.core.shutdown;
        // Draining.
        self.drain();
        while self.has_listed() && !self.is_overdue() {
            if !self.drain() {
                self.wait_closing(|| !self.has_listed());
            }
        }
        if shutdown.arrive_drained() {
            self.nudge_others();
        }
        while !shutdown.all_drained() && !self.is_overdue() {
            if !self.drain() {
                self.wait_closing(|| shutdown.all_drained());
            }
        }
        // Cancelling.
        self.driver.cancel_all();
        let mut leaked = 0;
        let mut quiet = false;
        loop {
            let busy = self.drain();
            if !quiet && self.driver.inflight() == 0 {
                quiet = true;
                if shutdown.arrive_quiet() {
                    self.nudge_others();
                }
            }
            if quiet && shutdown.all_quiet() && self.driver.inflight() == 0 {
                break;
            }
            if self.is_overdue() {
                leaked = self.driver.leak();
                if !quiet && shutdown.arrive_quiet() {
                    self.nudge_others();
                }
                break;
            }
            if !busy {
                self.wait_closing(|| quiet && shutdown.all_quiet() && self.driver.inflight() == 0);
            }
        }
        Remains {
            leaked: leaked + self.close(leaked > 0),
            abandoned: self.abandon(),
        }
    }

    /// Closes the inbox and does what was left in it.
    fn close(&self, leaked: bool) -> usize {
        for note in self.peer.inbox.close() {
            match note {
                Note::Run(runnable) => drop_runnable(runnable),
                note => self.serve(note),
            }
        }
        self.keeper.close();
        let endpoint = self.endpoint.borrow_mut().take();
        shield::drop_quietly(endpoint);
        self.drop_queued();
        // What came in last may have started operations again (a close, a cancel).
        let mut late = 0;
        while !leaked && self.driver.inflight() > 0 {
            if self.is_overdue() {
                late = self.driver.leak();
                break;
            }
            self.submit();
            if self.reap_some() == 0 {
                self.driver.park(self.core.shutdown.deadline());
            }
            self.drop_queued();
        }
        self.flush_bells();
        self.peer.sleeper.park.close();
        let timers = self.timers.borrow_mut().abandon();
        for timer in timers {
            timer.lose();
        }
        self.drop_queued();
        late
    }

    /// One round of serving while no task may run any more. `true` if something was done.
    pub(super) fn drain(&self) -> bool {
        if !self.tasks_told.replace(true) {
            self.end_tasks();
        }
        let mut busy = self.serve_inbox();
        // A main future may still wait for mail.
        busy |= self.keeper.answer();
        busy |= self.drop_queued();
        self.submit();
        busy |= self.reap();
        busy
    }

    /// Lists no more tasks and cancels those that are listed.
    fn end_tasks(&self) {
        let tasks = self.tasks.borrow_mut().close();
        drop(tasks);
        if self.id.index() == 0 {
            let tasks = self.core.outsiders.lock().close();
            drop(tasks);
        }
    }

    /// Whether a task that this shard is answerable for still has its future.
    fn has_listed(&self) -> bool {
        let outsiders = || !self.core.outsiders.lock().is_empty();
        !self.tasks.borrow().is_empty() || (self.id.index() == 0 && outsiders())
    }

    /// Gives up on the tasks that are left, and counts them.
    fn abandon(&self) -> usize {
        let mut left = self.tasks.borrow_mut().abandon();
        if self.id.index() == 0 {
            left += self.core.outsiders.lock().abandon();
        }
        left
    }

    /// Drops all tasks that are queued here or in the injector.
    fn drop_queued(&self) -> bool {
        let mut busy = false;
        while let Some(runnable) = self.next_task().or_else(|| self.take_injected()) {
            drop_runnable(runnable);
            busy = true;
        }
        busy
    }

    /// Parks until somebody nudges, something completes, or the deadline; not at all if `done`.
    pub(super) fn wait_closing(&self, done: impl Fn() -> bool) {
        self.flush_bells();
        self.lie_down();
        let stay = !self.peer.inbox.is_empty()
            || self.keeper.is_called()
            || self.driver.ready()
            || self
                .root
                .borrow()
                .as_ref()
                .is_some_and(|root| root.is_set())
            || !self.core.injector.is_empty()
            || done();
        if !stay {
            self.driver.park(self.core.shutdown.deadline());
        }
        self.get_up();
        if self.searching.replace(false) {
            self.core.idlers.stop_searching();
        }
    }

    /// Whether the deadline has passed.
    pub(super) fn is_overdue(&self) -> bool {
        self.core
            .shutdown
            .deadline()
            .is_some_and(|deadline| deadline <= self.driver.now())
    }

    fn nudge_others(&self) {
        for peer in &self.core.peers {
            if peer.id != self.id {
                peer.nudge();
            }
        }
    }
}

/// Drops a task on its shard, whatever its destructors do.
pub(super) fn drop_runnable(runnable: Runnable) {
    shield::shield(move || drop(runnable));
}
