//! `IORING_OP_POLL_ADD`, multishot: every change of a descriptor's readiness.
//!
//! **What the kernel sees** (io_uring_prep_poll_multishot(3); Linux 5.13)
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_POLL_ADD` | |
//! | `fd` | the descriptor | |
//! | `op_flags` | `POLL*` / `EPOLL*` events | `poll32_events`, as in [`PollAdd`](crate::ops::PollAdd) |
//! | `len` | `IORING_POLL_ADD_MULTI` | |
//!
//! **How it completes.** With the events that are there, once for what is ready when it is armed and then at each
//! wake-up of the descriptor: read until `EAGAIN` before waiting again. Undelivered events are merged into one item.
//!
//! **When dropped.** Nothing to give back: readiness is not consumed.

use ringmesh_sys::{Sqe, opcode};

use super::{MultiOp, Verdict};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::Res,
    ops::poll_add::sqe_events,
};

/// `IORING_POLL_ADD_MULTI` of linux/io_uring.h.
const MULTISHOT: u32 = 1;

/// Reports readiness until it is dropped.
#[derive(Debug)]
#[doc(alias = "IORING_OP_POLL_ADD")]
#[doc(alias = "IORING_POLL_ADD_MULTI")]
pub struct PollMulti {
    fd: FdRef,
    events: u32,
}

impl PollMulti {
    /// Reports `events` (`libc::POLLIN`, ...) of `fd`.
    pub fn new(fd: &SharedFd, events: u32) -> Self {
        Self {
            fd: fd.inner(),
            events,
        }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl MultiOp for PollMulti {
    type Item = u32;
    type Place = ();
    const NAME: &'static str = "multishot poll";
    const KIND: u8 = opcode::POLL_ADD | 0x80;
    /// Items merge into one, so there are never more.
    const LIMIT: usize = 1;

    fn place(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn sqe(&self, (): &()) -> Sqe {
        Sqe {
            opcode: opcode::POLL_ADD,
            fd: self.fd.raw(),
            len: MULTISHOT,
            op_flags: sqe_events(self.events),
            ..Sqe::default()
        }
    }

    unsafe fn item(&self, (): &(), res: Res) -> Option<u32> {
        u32::try_from(res.result).ok()
    }

    fn verdict(&self, res: Res) -> Verdict {
        if res.result >= 0 {
            Verdict::Again
        } else {
            Verdict::of_errno(-res.result)
        }
    }

    fn orphan(&self, _events: u32) {}

    fn merge(last: &mut u32, events: u32) -> Option<u32> {
        *last |= events;
        None
    }

    fn fd(&self) -> &FdRef {
        &self.fd
    }
}
