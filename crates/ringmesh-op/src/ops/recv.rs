//! `IORING_OP_RECV`: receive into one buffer.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_RECV"; recv(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_RECV` | |
//! | `fd` | the socket | |
//! | `addr` | the buffer's first byte | read once, here |
//! | `len` | its room, at most `MAX_RW_COUNT` | |
//! | `op_flags` | `MSG_*` flags | `msg_flags`, such as `MSG_PEEK` |
//! | `ioprio` | 0, or `IORING_RECVSEND_POLL_FIRST` | do not even try before the socket was seen readable |
//!
//! **How it completes.** With the number of bytes once there are any, 0 at the end of the stream, or an errno. An
//! error of the connection is reported once: the recv after `ECONNRESET` says 0.
//!
//! **Poll first** saves the attempt that finds nothing. It wins 2-5 % with many connections and 13 % across CPUs, and
//! loses 8 % where the peer answers on the same shard (measured): the caller, who knows how the last one went, decides
//! per socket ([`Recv::poll_first`]). There is no inline recv(2) with `MSG_DONTWAIT` before the ring: it would cost a
//! syscall where the submitting enter, which is due anyway, makes the same attempt for nothing.
//!
//! **When dropped in flight.** A cancel is sent, but bytes may have come before it arrives, and end with the buffer.
//! A stream that must not lose them (P4) does not drop this op: it keeps it, asks for the cancel, and gives the
//! outcome to its next reader, as ringmesh-net does.

use std::fmt;

use ringmesh_buf::{BufError, BufResult, IoBufMut};
use ringmesh_sys::{Sqe, opcode};

use super::early::{self, Early};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// `IORING_RECVSEND_POLL_FIRST` of linux/io_uring.h.
pub(crate) const POLL_FIRST: u16 = 1;

/// Receives into one buffer.
#[doc(alias = "IORING_OP_RECV")]
pub struct Recv<B> {
    fd: FdRef,
    buf: B,
    flags: i32,
    ioprio: u16,
    early: Option<Early>,
}

impl<B: IoBufMut> Recv<B> {
    /// Receives into `buf`, from its start up to its capacity.
    ///
    /// A buffer without room comes out as `InvalidInput`: `Ok(0)` means the end of the stream and nothing else.
    pub fn new(fd: &SharedFd, buf: B) -> Self {
        let early = (buf.capacity_total() == 0).then_some(Early::NO_ROOM);
        Self {
            fd: fd.inner(),
            buf,
            flags: 0,
            ioprio: 0,
            early,
        }
    }

    /// Receives with `MSG_*` flags: `MSG_PEEK`, `MSG_WAITALL`, ... `MSG_TRUNC` is left out: with it TCP counts bytes that it
    /// has thrown away and not written.
    #[must_use]
    pub fn flags(mut self, flags: i32) -> Self {
        self.flags = flags & !libc::MSG_TRUNC;
        self
    }

    /// Whether the kernel waits until the socket is readable before its first attempt.
    #[must_use]
    pub fn poll_first(mut self, yes: bool) -> Self {
        self.ioprio = if yes { POLL_FIRST } else { 0 };
        self
    }
}

// SAFETY: `addr` points into the buffer. IoBufMut promises that the pointer stays valid while the buffer is not moved,
// the op owns it, and nothing here touches it before `complete` or `orphan` consume the op.
unsafe impl<B: IoBufMut> OpCode for Recv<B> {
    type Output = BufResult<usize, B>;
    const NAME: &'static str = "recv";
    const KIND: u8 = opcode::RECV;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        Sqe {
            opcode: opcode::RECV,
            fd: self.fd.raw(),
            addr: self.buf.as_mut_ptr() as u64,
            len: early::clip(self.buf.capacity_total()),
            op_flags: self.flags as u32,
            ioprio: self.ioprio,
            ..Sqe::default()
        }
    }

    fn try_inline(&mut self, _cfg: &Config) -> Option<Res> {
        self.early.map(Early::res)
    }

    fn resume(&mut self, res: Res) -> Resume {
        early::restart_interrupted(res)
    }

    unsafe fn complete(mut self, res: Res) -> Self::Output {
        match early::byte_count(self.early, res) {
            Ok(count) => {
                // A count from the kernel is bounds-checked before it is believed.
                let count = count.min(self.buf.capacity_total());
                // SAFETY: the kernel has written the buffer's first `count` bytes: `res` is the result of this op's own
                // request (contract of `complete`), which did not have MSG_TRUNC.
                unsafe { self.buf.set_len_init(count) };
                Ok((count, self.buf))
            }
            Err(error) => Err(BufError::new(error, self.buf)),
        }
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl<B> fmt::Debug for Recv<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("fd", &self.fd)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}
