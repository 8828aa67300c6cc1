//! The way in: slots, the submission queue, and the backlog behind it.

use std::{collections::VecDeque, os::fd::OwnedFd, sync::Arc, time::Duration};

use ringmesh_sched::{EventKind, task::Meta};
use ringmesh_sys::{Sqe, Submitter, Wait, opcode, sqe_flags};

use super::{
    CLOSE, KIND_CANCEL, Uring,
    cancel::{CANCEL_ANY, CANCEL_FD, KIND_CANCEL_FD},
    reap::Reaped,
};
use crate::{
    cell::Cell,
    key::Key,
    opcode::Res,
    slots::{Entry, Slots},
    state::Address,
    wake,
};

/// How often an enter that the kernel refused is repeated before the loop goes on without it. Picked.
pub(super) const ENTER_TRIES: usize = 3;

/// The submission side.
pub(super) struct Sq {
    pub(super) submitter: Submitter,
    /// Cancels go first and cannot be lost.
    pub(super) cancels: VecDeque<Key>,
    /// Ops and closes that found no room, in order.
    pub(super) waiting: VecDeque<Waiting>,
    /// The poll on our eventfd has ended, or was never armed.
    pub(super) foreign_unarmed: bool,
    /// Free CQ entries after the last look.
    pub(super) cq_room: usize,
    entries: usize,
}

/// Something that waits for room.
pub(super) enum Waiting {
    One(Key, Sqe),
    /// Goes in whole or not at all.
    Chain(Vec<(Key, Sqe)>),
    Close(OwnedFd),
}

/// How an enter went, as far as the caller has to care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    Done,
    /// A signal came, or the kernel is short of something: nothing is lost, try later.
    Later,
}

impl Waiting {
    /// The ops in here.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.steps().map(|(key, _)| key).collect()
    }

    /// The ops in here that name the descriptor `fd`.
    pub(super) fn keys_on(&self, fd: i32) -> Vec<Key> {
        self.steps()
            .filter(|(_, sqe)| sqe.fd == fd)
            .map(|(key, _)| key)
            .collect()
    }

    fn steps(&self) -> impl Iterator<Item = (Key, &Sqe)> {
        let steps: Vec<(Key, &Sqe)> = match self {
            Self::One(key, sqe) => vec![(*key, sqe)],
            Self::Chain(steps) => steps.iter().map(|(key, sqe)| (*key, sqe)).collect(),
            Self::Close(_) => Vec::new(),
        };
        steps.into_iter()
    }
}

impl Sq {
    pub(super) fn new(submitter: Submitter, entries: usize, cq_room: usize) -> Self {
        Self {
            entries,
            submitter,
            cancels: VecDeque::new(),
            waiting: VecDeque::new(),
            foreign_unarmed: true,
            cq_room,
        }
    }

    /// Whether `n` more SQEs fit into the SQ, and their completions into the CQ should they post at once.
    fn has_room(&self, n: usize) -> bool {
        let after = self.submitter.pending() + n;
        after <= self.entries && after <= self.cq_room
    }

    fn has_backlog(&self) -> bool {
        self.foreign_unarmed || !self.cancels.is_empty() || !self.waiting.is_empty()
    }

    /// Pushes an SQE for which there is room.
    ///
    /// # Safety
    ///
    /// As [`Submitter::push`]: everything the SQE points to stays valid until its terminal CQE.
    pub(super) unsafe fn push(&mut self, sqe: &Sqe) {
        // SAFETY: the caller's promise is the same one.
        let pushed = unsafe { self.submitter.push(sqe) };
        assert!(
            pushed.is_ok(),
            "has_room said that there is space in the SQ"
        );
    }
}

impl Uring {
    /// Takes an op that other threads may drop or cancel at the same time.
    pub(crate) fn submit_cell(&self, cell: Arc<dyn Cell>, meta: Option<Arc<Meta>>) {
        let mut sqe = None;
        // It asks the buffer for its pointer, which is a user's code where the buffer's type is.
        wake::quietly(|| sqe = cell.sqe(self.id));
        let Some(sqe) = sqe else {
            return self.refuse(cell, meta, None, Res::cancelled());
        };
        let Some(key) = self.submit_with(Arc::clone(&cell), meta, sqe) else {
            return;
        };
        if cell.published(Address {
            ring: self.id,
            key: key.user_data(),
        }) {
            self.cancel(key);
        }
    }

    /// Takes an op of which only the caller and the driver know: gives it a slot and queues its SQE.
    ///
    /// `None` if it was refused; its completion then comes by the next reap.
    pub(crate) fn submit_with(
        &self,
        cell: Arc<dyn Cell>,
        meta: Option<Arc<Meta>>,
        sqe: Sqe,
    ) -> Option<Key> {
        if self.closing.get() {
            self.refuse(cell, meta, None, Res::cancelled());
            return None;
        }
        self.note_explicit_cancel(cell.kind(), &sqe);
        let direct = self.make_room(1);
        let key = self.insert(Entry {
            pushed: direct,
            ..Entry::new(cell, meta)
        })?;
        let sqe = Sqe {
            user_data: key.user_data(),
            ..sqe
        };
        let mut sq = self.sq.borrow_mut();
        if direct {
            // SAFETY: the slot keeps the cell, and with it everything the SQE points to, until the terminal CQE.
            unsafe { sq.push(&sqe) };
        } else {
            sq.waiting.push_back(Waiting::One(key, sqe));
        }
        Some(key)
    }

    /// Takes a chain: every SQE but the last gets `IO_LINK`, and the kernel sees all of them in one enter.
    ///
    /// A chain that is longer than the SQ is refused, each step with `E2BIG`.
    pub(crate) fn submit_chain(&self, cells: Vec<Arc<dyn Cell>>, meta: Option<&Arc<Meta>>) {
        let sqes: Option<Vec<Sqe>> = cells.iter().map(|cell| cell.sqe(self.id)).collect();
        let refusal = match &sqes {
            None => Some(Res::cancelled()),
            Some(_) if self.closing.get() => Some(Res::cancelled()),
            Some(sqes) if sqes.len() > self.entries() => Some(Res::err(libc::E2BIG)),
            Some(_) => None,
        };
        let (Some(sqes), None) = (sqes, refusal) else {
            let res = refusal.unwrap_or(Res::cancelled());
            for cell in cells {
                self.refuse(cell, meta.cloned(), None, res);
            }
            return;
        };
        self.queue_chain(cells, sqes, meta);
    }

    fn queue_chain(&self, cells: Vec<Arc<dyn Cell>>, mut sqes: Vec<Sqe>, meta: Option<&Arc<Meta>>) {
        let count = cells.len();
        let direct = self.make_room(count);
        let mut keys = Vec::with_capacity(count);
        // From the last to the first, so that each knows its successor's key.
        let mut next = None;
        for (index, cell) in cells.iter().enumerate().rev() {
            let entry = Entry::new(Arc::clone(cell), meta.cloned());
            let entry = Entry {
                pushed: direct,
                next,
                linked: index > 0,
                ..entry
            };
            let Some(key) = self.insert(entry) else {
                return self.refuse_chain(keys, &cells[..index], meta);
            };
            next = Some(key);
            keys.push(key);
        }
        keys.reverse();
        for (index, sqe) in sqes.iter_mut().enumerate() {
            sqe.user_data = keys[index].user_data();
            if index + 1 < count {
                sqe.flags |= sqe_flags::IO_LINK;
            }
        }
        {
            let mut sq = self.sq.borrow_mut();
            if direct {
                for sqe in &sqes {
                    // SAFETY: the slot keeps the cell, and with it everything the SQE points to, until the terminal CQE.
                    unsafe { sq.push(sqe) };
                }
            } else {
                let steps = keys.iter().copied().zip(sqes).collect();
                sq.waiting.push_back(Waiting::Chain(steps));
            }
        }
        for (cell, key) in cells.iter().zip(keys) {
            if cell.published(Address {
                ring: self.id,
                key: key.user_data(),
            }) {
                self.cancel(key);
            }
        }
    }

    /// There was no slot for one step of a chain (which was refused for that): the steps behind it give theirs back, those before
    /// it get none.
    fn refuse_chain(&self, behind: Vec<Key>, before: &[Arc<dyn Cell>], meta: Option<&Arc<Meta>>) {
        {
            let mut table = self.table.lock();
            for key in behind {
                self.refuse_slot(&mut table.slots, key);
            }
        }
        for cell in before {
            self.refuse(
                Arc::clone(cell),
                meta.cloned(),
                None,
                Res::err(libc::ENOMEM),
            );
        }
    }

    /// Closes a descriptor by the ring, with the next submit; nobody waits for it.
    ///
    /// The number is given up at the push. A close that io-wq has not started when a shutdown cancels everything (only file
    /// systems that flush at close get there) leaves it open until the process ends.
    pub(crate) fn close(&self, fd: OwnedFd) {
        if self.closing.get() || self.skip_success == 0 {
            return drop(fd);
        }
        if self.make_room(1) {
            self.push_close(&mut self.sq.borrow_mut(), fd);
        } else {
            self.sq.borrow_mut().waiting.push_back(Waiting::Close(fd));
        }
    }

    fn push_close(&self, sq: &mut Sq, fd: OwnedFd) {
        use std::os::fd::IntoRawFd;
        let sqe = Sqe {
            opcode: opcode::CLOSE,
            flags: self.skip_success,
            fd: fd.into_raw_fd(),
            user_data: CLOSE.user_data(),
            ..Sqe::default()
        };
        // SAFETY: a CLOSE points to nothing.
        unsafe { sq.push(&sqe) };
    }

    /// Refuses an op on whose descriptor the last handle is gone.
    pub(crate) fn refuse_new(&self, cell: Arc<dyn Cell>) {
        self.refuse(cell, None, None, Res::cancelled());
    }

    /// Completes an op that will not be pushed, by the next reap.
    /// `key` is the slot that it had, if it had one.
    pub(super) fn refuse(
        &self,
        cell: Arc<dyn Cell>,
        meta: Option<Arc<Meta>>,
        key: Option<Key>,
        res: Res,
    ) {
        self.refused
            .borrow_mut()
            .push_back(Reaped::refused(cell, meta, key, res));
    }

    /// Gives an op its slot. `None`: there is none left, the op was refused.
    fn insert(&self, entry: Entry) -> Option<Key> {
        let task = self
            .recorder
            .as_ref()
            .and(entry.meta.as_deref().map(Meta::id));
        if let Some(meta) = &entry.meta {
            meta.arm(self.shard);
        }
        let mut table = self.table.lock();
        let key = match table.slots.insert(entry) {
            Ok(key) => key,
            Err(entry) => {
                drop(table);
                if let Some(meta) = &entry.meta {
                    meta.disarm(self.shard);
                }
                self.refuse(entry.cell, entry.meta, None, Res::err(libc::ENOMEM));
                return None;
            }
        };
        self.remote.set_live(table.slots.live());
        drop(table);
        if let Some(recorder) = &self.recorder {
            recorder.record(EventKind::Submitted {
                task,
                op: key.user_data(),
                ring: self.shard,
            });
        }
        Some(key)
    }

    /// An `ASYNC_CANCEL` that a user submits makes `ECANCELED` an expected result: of one op, or of all.
    fn note_explicit_cancel(&self, kind: u8, sqe: &Sqe) {
        if sqe.opcode != opcode::ASYNC_CANCEL || kind == KIND_CANCEL_FD {
            return;
        }
        let by_key = sqe.op_flags & (CANCEL_FD | CANCEL_ANY) == 0;
        let mut table = self.table.lock();
        match table.slots.get_mut(Key::from_user_data(sqe.addr)) {
            Some(entry) if by_key => entry.cancelled = true,
            _ => self.bulk_cancels.set(true),
        }
    }

    /// Whether `n` SQEs may be pushed now, behind everything that waits; flushes the SQ if that helps.
    fn make_room(&self, n: usize) -> bool {
        let mut sq = self.sq.borrow_mut();
        if !sq.has_backlog() && sq.has_room(n) {
            return true;
        }
        self.counters.sq_full.add(1);
        if sq.submitter.pending() > 0 {
            self.enter(&mut sq, 0, Wait::No);
        }
        self.fill(&mut sq);
        !sq.has_backlog() && sq.has_room(n)
    }

    /// Moves what waits into the SQ: the poll on our eventfd, cancels, then ops in their order.
    pub(super) fn fill(&self, sq: &mut Sq) {
        if !sq.has_backlog() {
            return;
        }
        if sq.foreign_unarmed && sq.has_room(1) {
            self.arm_foreign(sq);
        }
        let mut table = self.table.lock();
        while sq.has_room(1)
            && let Some(key) = sq.cancels.pop_front()
        {
            if table.slots.get_mut(key).is_some() {
                self.push_cancel(sq, key);
            }
        }
        while let Some(waiting) = sq.waiting.pop_front() {
            if let Some(waiting) = self.push_waiting(sq, &mut table.slots, waiting) {
                sq.waiting.push_front(waiting);
                break;
            }
        }
    }

    /// Pushes one entry of the backlog, or gives it back for lack of room.
    fn push_waiting(&self, sq: &mut Sq, slots: &mut Slots, waiting: Waiting) -> Option<Waiting> {
        match waiting {
            Waiting::One(key, sqe) => {
                let Some(entry) = slots.get_mut(key) else {
                    return None; // cancelled while it waited
                };
                if !sq.has_room(1) {
                    return Some(Waiting::One(key, sqe));
                }
                entry.pushed = true;
                // SAFETY: the slot keeps the cell, and with it everything the SQE points to, until the terminal CQE.
                unsafe { sq.push(&sqe) };
            }
            Waiting::Chain(steps) => {
                if steps.iter().any(|(key, _)| slots.get_mut(*key).is_none()) {
                    self.refuse_rest(slots, &steps);
                    return None;
                }
                if !sq.has_room(steps.len()) {
                    return Some(Waiting::Chain(steps));
                }
                for (key, sqe) in &steps {
                    if let Some(entry) = slots.get_mut(*key) {
                        entry.pushed = true;
                    }
                    // SAFETY: the slot keeps the cell, and with it everything the SQE points to, until the terminal CQE.
                    unsafe { sq.push(sqe) };
                }
            }
            Waiting::Close(fd) => {
                if !sq.has_room(1) {
                    return Some(Waiting::Close(fd));
                }
                self.push_close(sq, fd);
            }
        }
        None
    }

    /// One step of a chain was cancelled before the push: none of it goes in.
    fn refuse_rest(&self, slots: &mut Slots, steps: &[(Key, Sqe)]) {
        for (key, _) in steps {
            self.refuse_slot(slots, *key);
        }
    }

    fn push_cancel(&self, sq: &mut Sq, target: Key) {
        let sqe = Sqe {
            opcode: opcode::ASYNC_CANCEL,
            flags: self.skip_success,
            fd: -1,
            addr: target.user_data(),
            user_data: target.with_kind(KIND_CANCEL).user_data(),
            ..Sqe::default()
        };
        // SAFETY: an ASYNC_CANCEL by user_data points to nothing.
        unsafe { sq.push(&sqe) };
    }

    /// Hands over what is queued. Ends early only if the CQ is full or the kernel refuses: the next reap helps then.
    pub(super) fn flush(&self) {
        let mut sq = self.sq.borrow_mut();
        let mut refusals = 0;
        loop {
            self.fill(&mut sq);
            if sq.submitter.pending() == 0 && !self.stale.get() {
                return;
            }
            let wait = if self.stale.get() {
                Wait::Reap
            } else {
                Wait::No
            };
            if self.enter(&mut sq, 0, wait) == Entered::Later || sq.submitter.pending() > 0 {
                refusals += 1;
                if refusals == ENTER_TRIES {
                    return;
                }
                // Runs what the kernel wants to run first: that frees what it was short of.
                self.enter(&mut sq, 0, Wait::Reap);
            }
            if !sq.has_backlog() && sq.submitter.pending() == 0 {
                return;
            }
        }
    }

    /// Submits and waits, for at most `time`.
    pub(super) fn flush_and_wait(&self, time: Option<Duration>) {
        let mut sq = self.sq.borrow_mut();
        self.fill(&mut sq);
        while sq.has_backlog() {
            let queued = sq.submitter.pending();
            if queued == 0 || self.enter(&mut sq, 0, Wait::No) == Entered::Later {
                return; // the CQ is full, or the kernel is short of something: reap first
            }
            self.fill(&mut sq);
        }
        let wait = match time {
            None => Wait::Forever,
            Some(time) => Wait::Until(time),
        };
        self.enter(&mut sq, 1, wait);
    }

    /// Enters for something that must not wait for the next submit; repeats a refused enter a few times.
    pub(super) fn enter_now(&self, sq: &mut Sq) {
        for _ in 0..ENTER_TRIES {
            if sq.submitter.pending() == 0 || self.enter(sq, 0, Wait::No) == Entered::Done {
                return;
            }
            self.enter(sq, 0, Wait::Reap);
        }
    }

    /// The only `io_uring_enter` of the driver.
    ///
    /// Aborts the process if the kernel says that it dropped completions (`EBADR`), or gives an error that only a bug can cause.
    /// No error frees anything; a pushed SQE belongs to the kernel whatever this returns.
    pub(super) fn enter(&self, sq: &mut Sq, want: u32, wait: Wait) -> Entered {
        let before = sq.submitter.pending();
        let result = sq.submitter.enter(want, wait);
        self.counters.enters.add(1);
        self.counters
            .submits
            .add(before.saturating_sub(sq.submitter.pending()) as u64);
        let table = self.table.lock();
        let posted = table.cq_len();
        sq.cq_room = table.cq_room();
        drop(table);
        self.leftover.set(posted > 0);
        if wait != Wait::No {
            self.stale
                .set(posted == 0 && sq.submitter.taskrun_pending());
        }
        match result {
            Ok(_) => Entered::Done,
            Err(error) => self.refused_enter(&error),
        }
    }

    fn refused_enter(&self, error: &std::io::Error) -> Entered {
        match error.raw_os_error() {
            Some(libc::EINTR | libc::EAGAIN | libc::EBUSY) => {
                self.counters.enter_retries.add(1);
                Entered::Later
            }
            Some(libc::EBADR) => self.die("the kernel dropped completions of this ring (EBADR), its operations cannot be accounted for any more"),
            _ => self.die(&format!("io_uring_enter failed: {error}")),
        }
    }

    /// Ends the process. A panic would not do: an enter may run inside a task's poll, which catches it, and the shard would go on.
    fn die(&self, why: &str) -> ! {
        eprintln!("ringmesh: {}: {why}; the process is aborted", self.shard);
        std::process::abort()
    }

    /// Whether no op waits to be handed to the kernel.
    pub(crate) fn is_submitted(&self) -> bool {
        let sq = self.sq.borrow();
        sq.submitter.pending() == 0 && sq.waiting.is_empty()
    }

    /// SQEs the kernel has not seen yet.
    pub(super) fn queued(&self) -> usize {
        let sq = self.sq.borrow();
        sq.submitter.pending()
            + sq.cancels.len()
            + sq.waiting.len()
            + usize::from(sq.foreign_unarmed)
            + usize::from(self.stale.get())
    }
}
