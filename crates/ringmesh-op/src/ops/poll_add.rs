//! `IORING_OP_POLL_ADD`: wait until a descriptor is ready.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_POLL_ADD"; poll(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_POLL_ADD` | |
//! | `fd` | the descriptor | anything that poll(2) takes |
//! | `op_flags` | `POLL*` / `EPOLL*` events | `poll32_events`; on big-endian machines its half-words are swapped |
//! | `len` | 0 | `IORING_POLL_ADD_MULTI` is [`multishot`](crate::multishot)'s |
//!
//! **How it completes.** With the events that are there (`POLLERR` and `POLLHUP` among them, asked for or not).
//!
//! **When dropped in flight.** Nothing to give back: readiness is not consumed.

use std::io;

use ringmesh_sys::{Sqe, opcode};

use super::early::restart_interrupted;
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Waits for readiness, for descriptors that somebody else reads: eventfds, libraries' sockets.
#[derive(Debug)]
#[doc(alias = "IORING_OP_POLL_ADD")]
pub struct PollAdd {
    fd: FdRef,
    events: u32,
}

impl PollAdd {
    /// Waits until one of `events` (`libc::POLLIN`, ...) is there on `fd`.
    pub fn new(fd: &SharedFd, events: u32) -> Self {
        Self {
            fd: fd.inner(),
            events,
        }
    }
}

/// Events as the SQE holds them.
pub(crate) fn sqe_events(events: u32) -> u32 {
    if cfg!(target_endian = "big") {
        events.rotate_left(16)
    } else {
        events
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for PollAdd {
    type Output = io::Result<u32>;
    const NAME: &'static str = "poll_add";
    const KIND: u8 = opcode::POLL_ADD;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::POLL_ADD,
            fd: self.fd.raw(),
            op_flags: sqe_events(self.events),
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        res.io()
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}
