//! `IORING_OP_ASYNC_CANCEL`: ask for the end of ops that are in flight on this ring.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_ASYNC_CANCEL"; io_uring_cancelation(7))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_ASYNC_CANCEL` | |
//! | `fd` | the descriptor whose ops are meant | with `IORING_ASYNC_CANCEL_FD` |
//! | `addr` | 0 | a `user_data` to match, which only the driver knows: an op is cancelled by its own future |
//! | `op_flags` | `IORING_ASYNC_CANCEL_FD` and `IORING_ASYNC_CANCEL_ALL` | `cancel_flags`: by descriptor, all of them |
//!
//! **How it completes.** With the number of ops found. Each of them then has its own terminal CQE, with `ECANCELED`
//! or with what it had already done.
//!
//! It reaches **one** ring, the one it is submitted to: ops of the same descriptor on other rings stay. Dropping the
//! last [`SharedFd`](crate::SharedFd) reaches them all.
//!
//! **When dropped in flight.** Nothing to give back.

use std::io;

use ringmesh_sys::{Sqe, opcode};

use super::early::restart_interrupted;
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// `IORING_ASYNC_CANCEL_ALL` of linux/io_uring.h.
const ALL: u32 = 1 << 0;
/// `IORING_ASYNC_CANCEL_FD` of linux/io_uring.h.
const BY_FD: u32 = 1 << 1;

/// Cancels every op on one descriptor that is in flight on the ring this goes to.
#[derive(Debug)]
#[doc(alias = "IORING_OP_ASYNC_CANCEL")]
pub struct AsyncCancel {
    fd: FdRef,
}

impl AsyncCancel {
    /// Cancels the ops on `fd`; a single op is cancelled by its own future.
    pub fn new(fd: &SharedFd) -> Self {
        Self { fd: fd.inner() }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for AsyncCancel {
    /// How many ops were found.
    type Output = io::Result<u32>;
    const NAME: &'static str = "async_cancel";
    const KIND: u8 = opcode::ASYNC_CANCEL;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::ASYNC_CANCEL,
            fd: self.fd.raw(),
            op_flags: ALL | BY_FD,
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        // With ALL the kernel counts, and some kernels say "none" as ENOENT.
        if res.result == -libc::ENOENT {
            Ok(0)
        } else {
            res.io()
        }
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}
