//! `IORING_OP_RECV`, multishot: the data of a socket as it comes, in the ring's own buffers.
//!
//! **What the kernel sees** (io_uring_prep_recv_multishot(3); Linux 6.0)
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_RECV` | |
//! | `fd` | the socket | |
//! | `addr`, `len` | 0 | the kernel takes a buffer when data is there, and all of it |
//! | `op_flags` | 0 | `msg_flags` |
//! | `ioprio` | `IORING_RECV_MULTISHOT` | |
//! | `flags` | `IOSQE_BUFFER_SELECT` | |
//! | `buf_index` | the buffer group of the ring it is armed on | `buf_group`; see [`Lease`] |
//!
//! An idle connection holds no buffer this way, and a busy one no request per read.
//!
//! **How it completes.** With a buffer id and a length in each CQE: a [`Lease`]. What ends an arming: 0, the end of the
//! stream (over); a CQE for which there was no room (again); `ENOBUFS`, all buffers are out (told once, then armed
//! again when one comes home); an error of the connection (told, then over).
//!
//! A buffer id in any CQE is given back, be it the end, an error, or data for nobody (P21).
//!
//! **When dropped.** Leases that were not polled for go home, and so does what still comes. Their bytes are lost:
//! a stream that another reader goes on with polls this one to its end instead ([`Multi::request_cancel`], then
//! [`Multi::try_next`]).
//!
//! [`Multi::request_cancel`]: super::Multi::request_cancel
//! [`Multi::try_next`]: super::Multi::try_next

use std::{io, sync::Arc, task::Context};

use ringmesh_sys::{Sqe, opcode, sqe_flags};

use super::{MultiOp, Verdict};
use crate::{
    fd::{FdRef, SharedFd},
    lease::{Group, Lease},
    opcode::Res,
};

/// `IORING_RECV_MULTISHOT` of linux/io_uring.h.
const MULTISHOT: u16 = 1 << 1;

/// Receives into the ring's buffers until the end of the stream.
#[derive(Debug)]
#[doc(alias = "IORING_OP_RECV")]
#[doc(alias = "IORING_RECV_MULTISHOT")]
pub struct RecvMulti {
    fd: FdRef,
}

impl RecvMulti {
    /// Receives from `socket`.
    pub fn new(socket: &SharedFd) -> Self {
        Self { fd: socket.inner() }
    }
}

// SAFETY: the SQE holds no pointer. The buffers it may choose belong to the group, which the driver keeps until its
// ring is closed, and each arming's cell as well.
unsafe impl MultiOp for RecvMulti {
    type Item = Lease;
    type Place = Arc<Group>;
    const NAME: &'static str = "multishot recv";
    const KIND: u8 = opcode::RECV | 0x80;
    /// So that a socket which nobody reads cannot take the whole group.
    const LIMIT: usize = 8;

    fn place(&self) -> io::Result<Arc<Group>> {
        Group::current()
    }

    fn sqe(&self, group: &Arc<Group>) -> Sqe {
        Sqe {
            opcode: opcode::RECV,
            fd: self.fd.raw(),
            ioprio: MULTISHOT,
            flags: sqe_flags::BUFFER_SELECT,
            buf_index: group.id(),
            ..Sqe::default()
        }
    }

    unsafe fn item(&self, group: &Arc<Group>, res: Res) -> Option<Lease> {
        let len = usize::try_from(res.result).unwrap_or(0);
        group.lease(res.buffer_id()?, len)
    }

    fn verdict(&self, res: Res) -> Verdict {
        match -res.result {
            0 => Verdict::End,
            errno if errno < 0 => Verdict::Again,
            libc::ENOBUFS => Verdict::Starved(libc::ENOBUFS),
            errno => Verdict::of_errno(errno),
        }
    }

    fn orphan(&self, lease: Lease) {
        drop(lease);
    }

    fn starves(group: &Arc<Group>, who: usize, cx: &mut Context<'_>) -> bool {
        group.starves(who, cx)
    }

    fn leave(group: &Arc<Group>, who: usize) {
        group.leave(who);
    }

    fn fd(&self) -> &FdRef {
        &self.fd
    }
}
