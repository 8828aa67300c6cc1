//! `IORING_OP_MSG_RING`: put a completion into another ring.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_MSG_RING")
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_MSG_RING` | |
//! | `fd` | the other ring | |
//! | `addr` | 0: `IORING_MSG_DATA` | the kind of message; descriptors travel with another |
//! | `len` | the other CQE's result | |
//! | `off` | the other CQE's `user_data` | |
//! | `op_flags` | 0 | `msg_ring_flags`; `IORING_MSG_RING_CQE_SKIP` is `EINVAL` with data |
//!
//! **How it completes.** With 0 once the other CQE is posted, `EBADFD` while the other ring is disabled, `EOVERFLOW`
//! when its CQ is full. Success does not mean that anybody reads it: a ring whose owner has exited takes messages too.
//!
//! Shards of one runtime do not talk this way: payload goes through ringmesh-msg's mailboxes, and the driver itself
//! rings the doorbells. This op is for rings outside the runtime.
//!
//! **When dropped in flight.** Nothing to give back.

use std::io;

use ringmesh_sys::{Sqe, opcode};

use super::early::restart_interrupted;
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Posts a completion to another ring.
#[derive(Debug)]
#[doc(alias = "IORING_OP_MSG_RING")]
pub struct MsgRing {
    target: FdRef,
    user_data: u64,
    result: u32,
}

impl MsgRing {
    /// Posts a CQE with this `user_data` and `result` to the ring `target`.
    ///
    /// # Safety
    ///
    /// Whoever reads `target`'s completions takes this one for an answer of the kernel: `user_data` must not be that
    /// of a request in flight there whose memory would be freed on it. (With a ringmesh runtime's own ring that
    /// cannot be known, so it is never a target.)
    pub unsafe fn new(target: &SharedFd, user_data: u64, result: u32) -> Self {
        Self {
            target: target.inner(),
            user_data,
            result,
        }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for MsgRing {
    type Output = io::Result<()>;
    const NAME: &'static str = "msg_ring";
    const KIND: u8 = opcode::MSG_RING;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::MSG_RING,
            fd: self.target.raw(),
            len: self.result,
            off: self.user_data,
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        res.io().map(drop)
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.target)
    }
}
