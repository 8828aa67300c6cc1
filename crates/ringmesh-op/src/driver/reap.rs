//! The way out: completions, checked under the lock, delivered after it.

use std::sync::Arc;

use ringmesh_sched::{EventKind, task::Meta};
use ringmesh_sys::{Cqe, Wait};

use super::{
    BELL_ARRIVED, CANCEL_ALL, CLOSE, FOREIGN, KIND_BELL, KIND_CANCEL, Table, Uring,
    submit::{ENTER_TRIES, Entered},
};
use crate::{
    cell::{Cell, Completion, Next},
    key::{KIND_DRIVER, Key},
    opcode::Res,
    slots::Slots,
};

/// CQEs taken under one hold of the lock. Picked: larger than what one enter posts.
const BATCH: usize = 64;

/// A CQE on its way to its cell.
pub(super) enum Reaped {
    /// Of an op.
    Op {
        cell: Arc<dyn Cell>,
        meta: Option<Arc<Meta>>,
        key: Option<Key>,
        done: Completion,
    },
    /// Of the driver itself.
    Own(Key, i32, bool),
}

impl Reaped {
    /// The completion of an op that never got to the kernel.
    pub(super) fn refused(
        cell: Arc<dyn Cell>,
        meta: Option<Arc<Meta>>,
        key: Option<Key>,
        res: Res,
    ) -> Self {
        // `closing`: the refusal is final.
        let done = Completion {
            res,
            more: false,
            cancelled: true,
            closing: true,
        };
        Self::Op {
            cell,
            meta,
            key,
            done,
        }
    }
}

impl Table {
    /// Free entries of the CQ.
    pub(super) fn cq_room(&self) -> usize {
        self.completer
            .capacity()
            .saturating_sub(self.completer.len())
    }

    pub(super) fn cq_len(&self) -> usize {
        self.completer.len()
    }
}

impl Uring {
    /// Completes up to `budget` ops; enters as long as the kernel has work of its own to run for us.
    pub(super) fn reap_up_to(&self, budget: usize) -> usize {
        let mut done = self.deliver_refused(budget);
        let mut refusals = 0;
        loop {
            done += self.drain(budget.saturating_sub(done));
            if done >= budget || refusals == ENTER_TRIES || !self.has_hidden() {
                break;
            }
            let mut sq = self.sq.borrow_mut();
            self.fill(&mut sq);
            if self.enter(&mut sq, 0, Wait::Reap) == Entered::Later {
                refusals += 1;
            }
        }
        self.requeue_cancels();
        done
    }

    /// Whether an enter would bring completions that are not in the CQ yet.
    fn has_hidden(&self) -> bool {
        let sq = self.sq.borrow();
        let overflow = sq.submitter.cq_overflow();
        if overflow {
            self.counters.overflows.add(1);
        }
        overflow || (sq.submitter.taskrun_pending() && !self.stale.get())
    }

    /// Whether completions are there that need no enter: a wait would end at once, or miss them.
    pub(super) fn has_posted(&self) -> bool {
        self.leftover.get() || !self.refused.borrow().is_empty()
    }

    /// Whether a reap would find something.
    pub(super) fn has_completions(&self) -> bool {
        if self.has_posted() {
            return true;
        }
        let sq = self.sq.borrow();
        if (sq.submitter.taskrun_pending() && !self.stale.get()) || sq.submitter.cq_overflow() {
            return true;
        }
        // On a ring without DEFER_TASKRUN completions appear by themselves.
        !self.deferred && self.table.lock().cq_len() > 0
    }

    /// Delivers everything that was refused.
    pub(super) fn reap_refused(&self) {
        while self.deliver_refused(usize::MAX) > 0 {}
    }

    /// Delivers what was refused before it got to the kernel.
    fn deliver_refused(&self, budget: usize) -> usize {
        let mut done = 0;
        while done < budget {
            let next = self.refused.borrow_mut().pop_front();
            let Some(reaped) = next else { break };
            self.deliver(reaped);
            done += 1;
        }
        done
    }

    /// Empties the CQ, up to `budget`.
    fn drain(&self, budget: usize) -> usize {
        let mut done = 0;
        while done < budget {
            let mut batch = self.batch.take();
            let emptied = self.take_batch(&mut batch, BATCH.min(budget - done));
            done += batch.len();
            // Before the deliveries: one of them may enter, and find completions again.
            self.leftover.set(!emptied);
            // The lock is released and nothing is borrowed: from here on foreign code may run.
            for reaped in batch.drain(..) {
                self.deliver(reaped);
            }
            self.batch.set(batch);
            if emptied {
                break;
            }
        }
        done
    }

    /// Takes up to `max` CQEs and frees the slots of terminal ones; `true` if the CQ is empty now.
    fn take_batch(&self, batch: &mut Vec<Reaped>, max: usize) -> bool {
        let mut table = self.table.lock();
        let table = &mut *table;
        let taken = table.completer.drain_into(&mut table.cqes, max);
        let mut unknown = 0;
        for cqe in table.cqes.drain(..) {
            match self.look_up(&mut table.slots, cqe) {
                Some(reaped) => batch.push(reaped),
                None => unknown += 1,
            }
        }
        self.remote.set_live(table.slots.live());
        self.sq.borrow_mut().cq_room = table.cq_room();
        self.counters.completions.add(taken as u64);
        if unknown > 0 {
            self.counters.unknown_cqes.add(unknown);
        }
        taken < max || table.completer.is_empty()
    }

    /// Checks index, kind and generation.
    fn look_up(&self, slots: &mut Slots, cqe: Cqe) -> Option<Reaped> {
        let key = Key::from_user_data(cqe.user_data);
        let more = cqe.has_more();
        if key.kind() >= KIND_DRIVER {
            return Some(Reaped::Own(key, cqe.result, more));
        }
        let res = Res {
            result: cqe.result,
            flags: cqe.flags,
        };
        let closing = self.closing.get();
        if more {
            let entry = slots.get_mut(key)?;
            let cancelled = entry.cancelled || self.bulk_cancels.get();
            let done = Completion {
                res,
                more,
                cancelled,
                closing,
            };
            let (cell, meta) = (Arc::clone(&entry.cell), entry.meta.clone());
            return Some(Reaped::Op {
                cell,
                meta,
                key: Some(key),
                done,
            });
        }
        let entry = slots.remove(key)?;
        if let Some(next) = entry.next {
            self.unlink(slots, next);
        }
        let cancelled = entry.cancelled || self.bulk_cancels.get();
        let done = Completion {
            res,
            more,
            cancelled,
            closing,
        };
        Some(Reaped::Op {
            cell: entry.cell,
            meta: entry.meta,
            key: Some(key),
            done,
        })
    }

    /// Hands a completion to its cell. Foreign code runs in here.
    fn deliver(&self, reaped: Reaped) {
        match reaped {
            Reaped::Op {
                cell,
                meta,
                key,
                done,
            } => self.deliver_op(cell, meta, key, done),
            Reaped::Own(key, result, more) => self.deliver_own(key, result, more),
        }
    }

    fn deliver_op(
        &self,
        cell: Arc<dyn Cell>,
        meta: Option<Arc<Meta>>,
        key: Option<Key>,
        done: Completion,
    ) {
        if let (Some(recorder), Some(key)) = (&self.recorder, key) {
            let task = meta.as_deref().map(Meta::id);
            recorder.record(EventKind::Reaped {
                task,
                op: key.user_data(),
                ring: self.shard,
            });
        }
        if !done.more
            && key.is_some()
            && let Some(meta) = &meta
        {
            meta.disarm(self.shard);
        }
        match cell.on_cqe(done) {
            Next::Done => {}
            Next::Orphaned => self.counters.orphans.add(1),
            Next::Again(cell) => self.submit_cell(cell, meta),
        }
    }

    fn deliver_own(&self, key: Key, result: i32, more: bool) {
        match key {
            BELL_ARRIVED | CLOSE => {} // a close that failed has freed the descriptor all the same
            FOREIGN => self.sq.borrow_mut().foreign_unarmed |= !more,
            CANCEL_ALL => self.cancel_all_answered(),
            _ if key.kind() == KIND_CANCEL => self.cancel_answered(key, result),
            _ if key.kind() == KIND_BELL && key.index() < self.peers.len() => {
                self.bell_answered(key, result)
            }
            _ => self.counters.unknown_cqes.add(1),
        }
    }
}
