//! `IORING_OP_SEND`: send one buffer.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_SEND"; send(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_SEND` | |
//! | `fd` | the socket | |
//! | `addr` | the buffer's first byte | read once, here |
//! | `len` | its initialised length, at most `MAX_RW_COUNT` | |
//! | `op_flags` | `MSG_NOSIGNAL` and what the caller adds | `msg_flags`; a peer that is gone is `EPIPE`, never SIGPIPE |
//! | `ioprio` | 0 | |
//!
//! **How it completes.** With the number of bytes that the socket has taken, which on a stream may be fewer than asked
//! (the rest did not fit into the send buffer), or an errno.
//!
//! **Why not `MSG_WAITALL`?** With it the kernel sends the rest itself as room comes, which saves a round trip
//! through the ring for each refill. But if the connection then fails, the CQE carries the partial count and the error
//! is swallowed, and a cancel in mid-way looks like a short send: a `write_all` that loops by itself learns both
//! sooner. So it is off unless [`Send::flags`] asks for it.
//!
//! **When dropped in flight.** A cancel is sent; all, part or none of the bytes may have gone out. On a stream that
//! other writers use, that would tear a message: ringmesh-net finishes what it has begun instead (P24).

use std::fmt;

use ringmesh_buf::{BufError, BufResult, IoBuf};
use ringmesh_sys::{Sqe, opcode};

use super::early::{self, Early};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Sends one buffer over a connected socket.
#[doc(alias = "IORING_OP_SEND")]
pub struct Send<B> {
    fd: FdRef,
    buf: B,
    flags: i32,
    early: Option<Early>,
}

impl<B: IoBuf> Send<B> {
    /// Sends the buffer's initialised bytes. Zero bytes are `Ok(0)` without the kernel: on a stream they mean nothing.
    pub fn new(fd: &SharedFd, buf: B) -> Self {
        let early = (buf.len_init() == 0).then_some(Early::Nothing);
        Self {
            fd: fd.inner(),
            buf,
            flags: libc::MSG_NOSIGNAL,
            early,
        }
    }

    /// Sends the buffer as a datagram: an empty one is sent too.
    pub fn datagram(fd: &SharedFd, buf: B) -> Self {
        Self {
            early: None,
            ..Self::new(fd, buf)
        }
    }

    /// Sends with `MSG_*` flags besides `MSG_NOSIGNAL`: `MSG_MORE`, `MSG_WAITALL`, ... `MSG_ZEROCOPY` is left out: its completion
    /// comes while the kernel still reads the buffer.
    #[must_use]
    pub fn flags(mut self, flags: i32) -> Self {
        self.flags = flags & !libc::MSG_ZEROCOPY | libc::MSG_NOSIGNAL;
        self
    }
}

// SAFETY: `addr` points into the buffer. IoBuf promises that the pointer stays valid while the buffer is not moved,
// the op owns it, and nothing here touches it before `complete` or `orphan` consume the op.
unsafe impl<B: IoBuf> OpCode for Send<B> {
    type Output = BufResult<usize, B>;
    const NAME: &'static str = "send";
    const KIND: u8 = opcode::SEND;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        Sqe {
            opcode: opcode::SEND,
            fd: self.fd.raw(),
            addr: self.buf.as_ptr() as u64,
            len: early::clip(self.buf.len_init()),
            op_flags: self.flags as u32,
            ..Sqe::default()
        }
    }

    fn try_inline(&mut self, _cfg: &Config) -> Option<Res> {
        self.early.map(Early::res)
    }

    fn resume(&mut self, res: Res) -> Resume {
        early::restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        match early::byte_count(self.early, res) {
            Ok(count) => Ok((count, self.buf)),
            Err(error) => Err(BufError::new(error, self.buf)),
        }
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl<B> fmt::Debug for Send<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Send")
            .field("fd", &self.fd)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}
