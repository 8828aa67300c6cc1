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
//! **Inline first, on a shard with nothing else to do.** A send seldom waits. Through the ring it costs its SQE, a CQE and a
//! wake of the sender, which then runs beside the receiver that its bytes woke: two tasks to run, so another shard is
//! woken to share them, for what a `send(2)` does in one go. So a send whose shard has no other task to run and no SQE to
//! submit tries `send(2)` with `MSG_DONTWAIT` in its first poll; `EAGAIN` goes to the ring. With more to do the ring is
//! better: its sends share an enter (measured: 0.3-0.5 us won at depth 1, 14-17 % lost from 64 connections on, docs/DESIGN.md).
//!
//! **When dropped in flight.** A cancel is sent; all, part or none of the bytes may have gone out. On a stream that
//! other writers use, that would tear a message: ringmesh-net finishes what it has begun instead (P24).

use std::{fmt, io};

use ringmesh_buf::{BufError, BufResult, IoBuf};
use ringmesh_sched::coop;
use ringmesh_sys::{Sqe, opcode};

use super::early::{self, Early};
use crate::{
    driver,
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

impl<B: IoBuf> Send<B> {
    /// send(2), as far as it does not wait. `None`: the ring.
    fn send_now(&mut self) -> Option<Res> {
        if self.fd.is_closing() {
            return None;
        }
        let len = early::clip(self.buf.len_init()) as usize;
        let flags = self.flags | libc::MSG_DONTWAIT;
        // SAFETY: the buffer's first `len` bytes are initialised, and `self` keeps them in place for the length of the call.
        let n = unsafe { libc::send(self.fd.raw(), self.buf.as_ptr().cast(), len, flags) };
        if n >= 0 {
            // At most MAX_RW_COUNT, which is an `i32`.
            return Some(Res::new(n as i32));
        }
        match io::Error::last_os_error().raw_os_error() {
            None | Some(libc::EAGAIN | libc::EINTR | libc::ENOMEM | libc::ENOBUFS) => None,
            Some(errno) => Some(Res::err(errno)),
        }
    }
}

/// Whether this shard has nothing to do but the task that asks, and that task may go on: a send that had gone out and was then held
/// back for the budget would look unsent to whoever drops it.
fn is_alone() -> bool {
    coop::has_budget()
        && coop::is_alone()
        && driver::with_current(|uring| uring.is_submitted()) == Some(true)
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

    fn try_inline(&mut self, cfg: &Config) -> Option<Res> {
        if let Some(early) = self.early {
            return Some(early.res());
        }
        if cfg.inline_sends && self.flags & libc::MSG_WAITALL == 0 && is_alone() {
            return self.send_now();
        }
        None
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
