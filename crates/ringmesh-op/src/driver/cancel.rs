//! Cancels, by op, by descriptor and of everything.

use std::{os::fd::OwnedFd, sync::Arc};

use ringmesh_sys::{Sqe, Wait, opcode};

use super::{Uring, registry, with_current};
use crate::{
    Res,
    cell::{Cell, Completion, Next},
    fd::FdRef,
    key::{KIND_USER_END, Key},
    slots::Slots,
    state::Address,
};

/// The kind of a cancel by descriptor. Unlike the driver's other requests it has a slot.
pub(super) const KIND_CANCEL_FD: u8 = KIND_USER_END;

/// How often a cancel that found nothing is repeated while its op lives. Each try waits for a reap, after which the kernel
/// has moved the op to where it can be found. Picked.
const TRIES_MAX: u8 = 16;

/// The same for a cancel by descriptor; an op that was made and never polled looks like one that was missed. Picked.
const FD_TRIES_MAX: u8 = 4;

/// `IORING_ASYNC_CANCEL_ALL`: every match, not just the first.
const CANCEL_ALL: u32 = 1 << 0;
/// `IORING_ASYNC_CANCEL_FD`: match by descriptor.
pub(super) const CANCEL_FD: u32 = 1 << 1;
/// `IORING_ASYNC_CANCEL_ANY`: match everything.
pub(super) const CANCEL_ANY: u32 = 1 << 2;

/// Sends the cancel of every op on `fd` to every ring for which `has` holds. Never blocks.
pub(crate) fn cancel_fd(fd: &FdRef, has: impl Fn(u32) -> bool) {
    let here = with_current(|uring| {
        if has(uring.id) {
            uring.cancel_fd(fd.clone(), 0);
        }
        uring.id
    });
    for remote in registry::all() {
        if Some(remote.id) == here || !has(remote.id) {
            continue;
        }
        let fd = fd.clone();
        // Closed: nothing of that ring is in flight any more.
        let _closed = remote.post(move |uring| uring.cancel_fd(fd, 0));
    }
}

/// Sends a cancel to where the op sits. Never blocks; on the op's own shard it is queued at once.
pub(crate) fn cancel_at(at: Address) {
    let key = Key::from_user_data(at.key);
    let here = with_current(|uring| {
        let mine = uring.id == at.ring;
        if mine {
            uring.cancel(key);
        }
        mine
    });
    if here == Some(true) {
        return;
    }
    // No such ring any more: its driver has cancelled, completed or leaked everything it had.
    if let Some(remote) = registry::find(at.ring) {
        // Closed: as above.
        let _closed = remote.post(move |uring| uring.cancel(key));
    }
}

/// Closes by this thread's ring, or here if it has none.
pub(crate) fn close(fd: OwnedFd) {
    let mut fd = Some(fd);
    with_current(|uring| fd.take().map(|fd| uring.close(fd)));
    drop(fd);
}

impl Uring {
    /// Cancels an op of this ring. Remembered on its slot until its terminal CQE; a key that is out of date is none of ours.
    pub(crate) fn cancel(&self, key: Key) {
        let mut table = self.table.lock();
        let Some(entry) = table.slots.get_mut(key) else {
            return;
        };
        if std::mem::replace(&mut entry.cancelled, true) {
            return;
        }
        self.counters.cancels.add(1);
        let (pushed, linked) = (entry.pushed, entry.linked);
        if !pushed {
            return self.refuse_slot(&mut table.slots, key);
        }
        drop(table);
        // A step behind others in a chain is not to be found yet: `unlink` sends its cancel when it is its turn.
        if !linked {
            self.sq.borrow_mut().cancels.push_back(key);
        }
    }

    /// Takes an op out of the backlog: it completes as cancelled by the next reap.
    pub(super) fn refuse_slot(&self, slots: &mut Slots, key: Key) {
        if let Some(entry) = slots.remove(key) {
            self.refuse(entry.cell, entry.meta, Some(key), Res::cancelled());
        }
        self.remote.set_live(slots.live());
    }

    /// The step before `next` in a chain is done: it can be found from now on, unless it was cancelled with its predecessor.
    pub(super) fn unlink(&self, slots: &mut Slots, next: Key) {
        if let Some(entry) = slots.get_mut(next) {
            entry.linked = false;
            if entry.cancelled {
                self.retry.borrow_mut().push(next);
            }
        }
    }

    /// The kernel answered a cancel with an error.
    pub(super) fn cancel_answered(&self, cancel: Key, result: i32) {
        // EALREADY: the op runs and was told to stop.
        if result != -libc::ENOENT {
            return;
        }
        let mut table = self.table.lock();
        let Some((target, entry)) = table.slots.target_mut(cancel) else {
            return; // it had completed
        };
        if !entry.linked && entry.cancel_tries < TRIES_MAX {
            entry.cancel_tries += 1;
            self.retry.borrow_mut().push(target);
        }
    }

    /// Cancels that found nothing go out again: the reap that is just over has moved their ops.
    pub(super) fn requeue_cancels(&self) {
        let mut retry = self.retry.borrow_mut();
        if retry.is_empty() {
            return;
        }
        let mut sq = self.sq.borrow_mut();
        let table = self.table.lock();
        for key in retry.drain(..) {
            if table.slots.contains(key) {
                self.counters.cancels_retried.add(1);
                sq.cancels.push_back(key);
            }
        }
    }

    /// Cancels every op on a descriptor: those in the backlog here, those in the kernel by an `ASYNC_CANCEL`.
    pub(crate) fn cancel_fd(&self, fd: FdRef, tries: u8) {
        let waiting = self.waiting_on(fd.raw());
        for key in waiting {
            self.cancel(key);
        }
        self.counters.cancels.add(1);
        self.submit_cell(Arc::new(CancelFd { fd, tries }), None);
    }

    /// Ops in the backlog that name this descriptor. Their cells hold it, so that the number means what it says.
    fn waiting_on(&self, fd: i32) -> Vec<Key> {
        self.sq
            .borrow()
            .waiting
            .iter()
            .flat_map(|waiting| waiting.keys_on(fd))
            .collect()
    }

    /// Second phase of a shutdown: nothing new gets in, everything in flight is to end.
    pub(super) fn cancel_everything(&self) {
        self.closing.set(true);
        self.bulk_cancels.set(true);
        self.refuse_backlog();
        let sqe = Sqe {
            opcode: opcode::ASYNC_CANCEL,
            fd: -1,
            op_flags: CANCEL_ANY | CANCEL_ALL,
            user_data: super::CANCEL_ALL.user_data(),
            ..Sqe::default()
        };
        let pushed = {
            let mut sq = self.sq.borrow_mut();
            if sq.submitter.space() == 0 {
                self.enter(&mut sq, 0, Wait::No);
            }
            let room = sq.submitter.space() > 0;
            if room {
                // SAFETY: a cancel of everything points to nothing.
                unsafe { sq.push(&sqe) };
            }
            room
        };
        if !pushed {
            self.cancel_each();
        }
        self.flush();
    }

    /// The kernel has cancelled what it found, or does not know how: each op that is still there is cancelled by its key.
    pub(super) fn cancel_all_answered(&self) {
        if self.closing.get() {
            self.cancel_each();
        }
    }

    fn cancel_each(&self) {
        let keys = self.table.lock().slots.keys();
        for key in keys {
            self.cancel(key);
        }
    }

    /// Ops that were never pushed complete as cancelled.
    fn refuse_backlog(&self) {
        let waiting: Vec<Key> = self
            .sq
            .borrow()
            .waiting
            .iter()
            .flat_map(|waiting| waiting.keys())
            .collect();
        for key in waiting {
            self.cancel(key);
        }
    }
}

/// The request "cancel everything on this descriptor", which holds the descriptor until the kernel has read its number.
struct CancelFd {
    fd: FdRef,
    tries: u8,
}

// SAFETY: its SQE points to nothing.
unsafe impl Cell for CancelFd {
    fn kind(&self) -> u8 {
        KIND_CANCEL_FD
    }

    fn sqe(&self, _ring: u32) -> Option<Sqe> {
        Some(Sqe {
            opcode: opcode::ASYNC_CANCEL,
            fd: self.fd.raw(),
            op_flags: CANCEL_FD | CANCEL_ALL,
            ..Sqe::default()
        })
    }

    fn published(&self, _at: Address) -> bool {
        false
    }

    fn on_cqe(self: Arc<Self>, done: Completion) -> Next {
        // With ALL the result is the number found. An op may be on its way between two of the kernel's queues.
        let missed = done.res.result <= 0 && self.fd.is_shared();
        if missed && !done.closing && self.tries < FD_TRIES_MAX {
            let (fd, tries) = (self.fd.clone(), self.tries + 1);
            with_current(|uring| uring.cancel_fd(fd, tries));
        }
        Next::Done
    }

    fn on_leak(&self) {}
}
