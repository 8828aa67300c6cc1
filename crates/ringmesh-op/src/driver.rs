//! The uring driver: one ring, owned by its shard's thread.
//!
//! # What lives where
//!
//! | part | who touches it |
//! |---|---|
//! | submission side ([`Sq`]: SQ, backlog) | the shard's thread only, behind a `RefCell` that is never held across foreign code |
//! | completion side ([`Table`]: CQ consumer, slots) | one lock, never held across foreign code, so that another shard may later complete ops for a stuck one |
//! | cells | see [`state`](crate::state) |
//!
//! # From push to CQE
//!
//! 1. *Push.* The op's cell writes its SQE. It gets a slot; the SQE goes into the SQ if there is room and nothing waits
//!    before it, else into the backlog. Room means: space in the SQ **and** fewer unsubmitted SQEs than the CQ has free
//!    entries, because ops that complete inline post at once.
//! 2. *Submit.* One enter hands over what the SQ holds. Cancels leave the backlog first, then ops in order.
//! 3. *Reap.* Under the lock: take CQEs, check index, kind and generation, free the slots of terminal ones. After the lock:
//!    complete the cells and wake. While the kernel says TASKRUN: enter with GETEVENTS and go on, up to the budget.
//! 4. *Park.* Submit and wait in one enter. It ends with a completion, a bell, or the time.
//!
//! In-flight ops are **not** limited by the CQ: a DEFER_TASKRUN ring posts at most max(20, min_complete) deferred
//! completions an enter, and we never ask for more than one. (Credits below the CQ's capacity, the obvious scheme,
//! deadlock: after 512 silent connections nobody can arm anything.) Should the CQ overflow all the same, the kernel keeps
//! the completions (NODROP) and the next reap fetches them; it is counted.
//!
//! # A cancel that cannot be lost
//!
//! A cancel is remembered on the slot and waits in a queue that goes before all ops. One for an op that still waits in the
//! backlog never reaches the kernel: the op is taken out and completes as cancelled. The kernel may answer "not found"
//! while it moves an op between its queues; the op is then looked for again after the next reap. An op behind another in
//! an `IO_LINK` chain cannot be found before its turn: its cancel goes out when its predecessor is done.

mod bells;
mod cancel;
mod current;
mod factory;
mod reap;
mod registry;
mod submit;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt,
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use parking_lot::Mutex;
use ringmesh_msg::ShardId;
use ringmesh_sched::{Counters, Driver, Handle, Recorder};
use ringmesh_sys::{Completer, Cqe, Submitter};

pub(crate) use self::{
    cancel::{cancel_at, cancel_fd, close},
    current::with_current,
    registry::{Remote, of_shard},
};
pub use factory::UringFactory;

use self::{bells::Peer, reap::Reaped, submit::Sq};
use crate::{
    key::{KIND_DRIVER, Key},
    lease::Group,
    opcode::{Config, Res},
    slots::{Entry, Slots},
};

/// A bell that we rang: its CQE comes only if it failed. The index is the target's, the generation counts the attempts.
const KIND_BELL: u8 = KIND_DRIVER;
/// A cancel of one op; index and generation are the target's.
const KIND_CANCEL: u8 = KIND_DRIVER + 1;
/// A bell that another ring rang here.
const BELL_ARRIVED: Key = Key::own(KIND_DRIVER + 2);
/// The poll on the eventfd that threads outside the runtime ring.
const FOREIGN: Key = Key::own(KIND_DRIVER + 3);
/// The cancel of everything, at shutdown.
const CANCEL_ALL: Key = Key::own(KIND_DRIVER + 4);
/// A close that nobody waits for.
const CLOSE: Key = Key::own(KIND_DRIVER + 5);

/// One shard's ring.
pub(crate) struct Uring {
    id: u32,
    shard: ShardId,
    handle: Handle,
    config: Config,
    counters: Arc<Counters>,
    recorder: Option<Recorder>,
    sq: RefCell<Sq>,
    table: Arc<Mutex<Table>>,
    /// What other threads know about this ring.
    remote: Arc<Remote>,
    /// Completions that need no kernel: of ops that were refused or cancelled before their push.
    refused: RefCell<VecDeque<Reaped>>,
    /// Cancels that found nothing and go out again after the next reap.
    retry: RefCell<Vec<Key>>,
    /// The reap batch's memory, kept between reaps.
    batch: Cell<Vec<Reaped>>,
    /// The CQ was not empty when it was last looked at: after an enter (ops may complete in it), or a reap that ran out of budget.
    leftover: Cell<bool>,
    /// TASKRUN is set, and an enter that ran whatever there was to run left it set. The kernel sets the flag *after* it has queued
    /// its work, so an enter in between runs the work and the flag comes up over an empty queue, which no enter clears: it
    /// stays until the next completion. It must not be believed then, or reap and park would go round for ever. Since a
    /// completion does not show in a flag that is set already, every submit enters with GETEVENTS meanwhile.
    stale: Cell<bool>,
    /// Whether completions become visible only in our own enters.
    deferred: bool,
    /// The flag that suppresses the CQE of a success, where the kernel has it.
    skip_success: u8,
    peers: Arc<[Peer]>,
    /// Somebody has cancelled in bulk by hand: `ECANCELED` is then never a surprise.
    bulk_cancels: Cell<bool>,
    closing: Cell<bool>,
    group: RefCell<Option<Arc<Group>>>,
}

/// What stands behind the lock.
pub(crate) struct Table {
    completer: Completer,
    slots: Slots,
    /// The memory of a batch of CQEs.
    cqes: Vec<Cqe>,
}

impl Uring {
    /// The ring's process-wide id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// The shard it belongs to.
    pub(crate) fn shard(&self) -> ShardId {
        self.shard
    }

    /// The runtime it belongs to.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What ops may know about it.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The shard's counters. This thread is their writer.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// SQ entries: the longest chain.
    pub(crate) fn entries(&self) -> usize {
        self.remote.entries
    }

    /// Ops that have not been delivered.
    fn inflight(&self) -> usize {
        self.remote.live() + self.refused.borrow().len()
    }

    /// Gives up on everything in flight: what the kernel may still touch is never freed. Returns how many ops that were.
    fn leak(&self) -> usize {
        self.closing.set(true);
        let entries: Vec<Entry> = {
            let mut table = self.table.lock();
            let keys = table.slots.keys();
            keys.into_iter()
                .filter_map(|key| table.slots.remove(key))
                .collect()
        };
        self.remote.set_live(0);
        let mut leaked = 0;
        for entry in entries {
            if entry.pushed {
                leaked += 1;
                entry.cell.on_leak();
                std::mem::forget(entry.cell);
            } else {
                self.refuse(entry.cell, entry.meta, None, Res::cancelled());
            }
        }
        if leaked > 0 {
            // A buffer ring that an op may still draw from is as much in the kernel's hands as the op.
            std::mem::forget(self.group.take());
        }
        leaked
    }

    /// The shard's thread is about to end: nobody may reach this ring any more.
    fn close_down(&self) {
        self.remote.unregister();
        self.reap_refused();
        if let Some(group) = self.group.take() {
            group.close();
        }
        // Descriptors that waited for room are closed here.
        self.sq.borrow_mut().waiting.clear();
    }

    /// Gives access to the submission side, to register buffers or files with the ring. `f` must not submit ops.
    pub(crate) fn register<R>(&self, f: impl FnOnce(&mut Submitter) -> R) -> R {
        f(&mut self.sq.borrow_mut().submitter)
    }

    /// The shard's group of provided buffers, once somebody has set one.
    pub(crate) fn group(&self) -> Option<Arc<Group>> {
        self.group.borrow().clone()
    }

    /// Keeps the group until the ring is closed; at a leak it is leaked too.
    pub(crate) fn set_group(&self, group: Arc<Group>) {
        *self.group.borrow_mut() = Some(group);
    }
}

/// The scheduler's view of the ring: it is this thread's driver as long as this value lives.
#[derive(Debug)]
struct Seated(Rc<Uring>);

impl Driver for Seated {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn submit(&self) {
        if self.0.queued() > 0 {
            self.0.flush();
        }
    }

    fn reap(&self, budget: usize) -> usize {
        self.0.reap_up_to(budget)
    }

    fn ready(&self) -> bool {
        self.0.has_completions()
    }

    fn unsubmitted(&self) -> usize {
        self.0.queued()
    }

    fn park(&self, until: Option<Instant>) {
        if self.0.has_posted() {
            return self.0.flush();
        }
        let time = until.map(|until| until.saturating_duration_since(Instant::now()));
        self.0.flush_and_wait(time);
    }

    fn bell(&self, to: ShardId) {
        self.0.ring_bells(&[to]);
    }

    fn bells(&self, to: &[ShardId]) {
        self.0.ring_bells(to);
    }

    fn inflight(&self) -> usize {
        self.0.inflight()
    }

    fn cancel_all(&self) {
        self.0.cancel_everything();
    }

    fn leak(&self) -> usize {
        self.0.leak()
    }

    fn name(&self) -> &'static str {
        "uring"
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        // Whatever is still in flight stays in memory for ever: closing the ring does not stop the kernel's writes.
        self.0.leak();
        self.0.close_down();
        current::set(None);
    }
}

impl fmt::Debug for Uring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uring")
            .field("id", &self.id)
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}
