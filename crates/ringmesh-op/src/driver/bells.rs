//! Doorbells: payload-free wakes, from ring to ring and from threads outside.
//!
//! 1. Shard to shard: `MSG_RING`, entered at once, since whoever won the right to ring keeps everybody else silent until it
//!    has. Its success makes no CQE here. Several bells owed at a time share the enter.
//! 2. A bell whose CQE is an error is rung again, three times at most, and then by the way that threads outside use.
//! 3. From outside: an eventfd that the target polls by a multishot `POLL_ADD`, edge-triggered and never read. Armed before
//!    the shard can be parked; when the poll ends (overflow, a cancel of everything) the enter that follows arms it anew. A
//!    signal in between is not lost: arming on an eventfd that was ever signalled completes at once.
//!
//! Each driver holds the ring descriptors of all its peers, so that no bell ever goes to a number that was closed and
//! re-used: the kernel would deliver it to a stranger and report success.

use std::{
    fmt,
    os::fd::{AsFd, AsRawFd},
    sync::Arc,
};

use ringmesh_msg::{Bell, ShardId};
use ringmesh_sys::{RingFd, Sqe, eventfd::EventFd, opcode};

use super::{BELL_ARRIVED, FOREIGN, KIND_BELL, Uring, submit::Sq};
use crate::key::Key;

/// How often a bell that failed is rung again by `MSG_RING`.
const RINGS_MAX: u32 = 3;

/// `IORING_POLL_ADD_MULTI`, in the SQE's `len`.
const POLL_ADD_MULTI: u32 = 1 << 0;

/// How to wake a shard.
pub(super) struct Peer {
    pub(super) ring: RingFd,
    pub(super) bell: Arc<EventBell>,
}

/// The bell for threads outside.
pub(super) struct EventBell {
    eventfd: EventFd,
}

impl EventBell {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            eventfd: EventFd::new()?,
        })
    }
}

impl Bell for EventBell {
    fn ring(&self) {
        self.eventfd.signal();
    }
}

impl fmt::Debug for EventBell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBell").finish_non_exhaustive()
    }
}

impl Uring {
    /// Rings other shards, now.
    pub(super) fn ring_bells(&self, to: &[ShardId]) {
        let mut sq = self.sq.borrow_mut();
        for &shard in to {
            self.push_bell(&mut sq, shard, 1);
        }
        self.enter_now(&mut sq);
    }

    fn push_bell(&self, sq: &mut Sq, to: ShardId, attempt: u32) {
        let Some(peer) = self.peers.get(to.index()) else {
            return;
        };
        if sq.submitter.space() == 0 {
            self.enter_now(sq);
        }
        if sq.submitter.space() == 0 || attempt > RINGS_MAX {
            return peer.bell.ring();
        }
        let sqe = Sqe {
            opcode: opcode::MSG_RING,
            flags: self.skip_success,
            fd: peer.ring.as_fd().as_raw_fd(),
            off: BELL_ARRIVED.user_data(),
            user_data: Key::new(to.index(), KIND_BELL, attempt).user_data(),
            ..Sqe::default()
        };
        // SAFETY: a MSG_RING with data points to nothing.
        unsafe { sq.push(&sqe) };
    }

    /// A bell that we rang came back. With a kernel that cannot suppress successes, most are just that.
    pub(super) fn bell_answered(&self, key: Key, result: i32) {
        if result >= 0 {
            return;
        }
        let mut sq = self.sq.borrow_mut();
        self.push_bell(&mut sq, ShardId::new(key.index()), key.generation() + 1);
        self.enter_now(&mut sq);
    }

    /// Arms the poll on our eventfd; there is room for it.
    pub(super) fn arm_foreign(&self, sq: &mut Sq) {
        let eventfd = &self.peers[self.shard.index()].bell.eventfd;
        let sqe = Sqe {
            opcode: opcode::POLL_ADD,
            fd: eventfd.as_fd().as_raw_fd(),
            len: POLL_ADD_MULTI,
            op_flags: (libc::POLLIN as u32) | libc::EPOLLET as u32,
            user_data: FOREIGN.user_data(),
            ..Sqe::default()
        };
        // SAFETY: a POLL_ADD points to nothing; the peers hold the eventfd as long as the ring lives.
        unsafe { sq.push(&sqe) };
        sq.foreign_unarmed = false;
    }
}
