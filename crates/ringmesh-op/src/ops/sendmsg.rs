//! `IORING_OP_SENDMSG`: send several buffers at once, or a datagram to an address.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_SENDMSG"; sendmsg(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_SENDMSG` | |
//! | `fd` | the socket | |
//! | `addr` | a `msghdr` inside the op | its `msg_iov` is an array that the op owns, its `msg_name` the address inside the op |
//! | `len` | 1 | one message |
//! | `op_flags` | `MSG_NOSIGNAL` and what the caller adds | `msg_flags`; see [`Send`](super::Send) for `MSG_WAITALL` |
//!
//! **How it completes.** With the number of bytes that the socket has taken; on a stream it may end inside any buffer.
//!
//! **When dropped in flight.** As for [`Send`](super::Send).

use std::fmt;

use ringmesh_buf::{BufError, BufResult, IoVecBuf};
use ringmesh_sys::{Sqe, opcode};
use socket2::SockAddr;

use super::{
    early::{self, Early},
    iovecs::{IoVecs, MsgHdr, PARTS_MAX},
};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Sends several buffers, as a piece of a stream or as one datagram.
#[doc(alias = "IORING_OP_SENDMSG")]
pub struct SendMsg<V> {
    fd: FdRef,
    bufs: V,
    to: Option<SockAddr>,
    iovecs: IoVecs,
    header: MsgHdr,
    flags: i32,
    early: Option<Early>,
}

impl<V: IoVecBuf> SendMsg<V> {
    /// Sends the buffers' initialised bytes over a stream, one buffer after the other.
    ///
    /// Nothing to send is `Ok(0)` without the kernel; what lies behind the 1024th buffer is not sent, the send is
    /// short.
    pub fn new(fd: &SharedFd, bufs: V) -> Self {
        let early = (bufs.total_len() == 0).then_some(Early::Nothing);
        Self::with(fd, bufs, None, early)
    }

    /// Sends the buffers as one datagram, to `to` or to the socket's peer.
    ///
    /// An empty datagram is sent; one of more than 1024 buffers comes out as `InvalidInput`, since half a datagram
    /// would be another datagram.
    pub fn datagram(fd: &SharedFd, bufs: V, to: Option<SockAddr>) -> Self {
        let mut parts = 0;
        bufs.parts(&mut |_, len| parts += usize::from(len > 0));
        let early = (parts > PARTS_MAX).then_some(Early::Invalid(
            "a datagram can have no more than 1024 parts",
        ));
        Self::with(fd, bufs, to, early)
    }

    /// Sends with `MSG_*` flags besides `MSG_NOSIGNAL`: `MSG_MORE`, `MSG_WAITALL`, ... `MSG_ZEROCOPY` is left out: its completion
    /// comes while the kernel still reads the buffer.
    #[must_use]
    pub fn flags(mut self, flags: i32) -> Self {
        self.flags = flags & !libc::MSG_ZEROCOPY | libc::MSG_NOSIGNAL;
        self
    }

    fn with(fd: &SharedFd, bufs: V, to: Option<SockAddr>, early: Option<Early>) -> Self {
        let (iovecs, header) = (IoVecs::new(), MsgHdr::new());
        Self {
            fd: fd.inner(),
            bufs,
            to,
            iovecs,
            header,
            flags: libc::MSG_NOSIGNAL,
            early,
        }
    }
}

// SAFETY: `addr` is the address of `header` inside the op. The header points at the iovec array's heap block and at the
// address inside the op, the array into the buffers as IoVecBuf promises. The op owns all of them, is not moved until
// the terminal CQE (the contract of `sqe`), and touches none before `complete` or `orphan` consume it.
unsafe impl<V: IoVecBuf> OpCode for SendMsg<V> {
    type Output = BufResult<usize, V>;
    const NAME: &'static str = "sendmsg";
    const KIND: u8 = opcode::SENDMSG;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        self.iovecs = IoVecs::of(&self.bufs);
        self.header.set_parts(&mut self.iovecs);
        if let Some(to) = &self.to {
            // The kernel copies a sender's address and never writes it.
            self.header
                .set_name(to.as_ptr().cast_mut().cast(), to.len());
        }
        Sqe {
            opcode: opcode::SENDMSG,
            fd: self.fd.raw(),
            addr: self.header.addr(),
            len: 1,
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
            Ok(count) => Ok((count, self.bufs)),
            Err(error) => Err(BufError::new(error, self.bufs)),
        }
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl<V> fmt::Debug for SendMsg<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendMsg")
            .field("fd", &self.fd)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
