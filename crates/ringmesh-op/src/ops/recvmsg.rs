//! `IORING_OP_RECVMSG`: receive into several buffers, and learn who sent it.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_RECVMSG"; recvmsg(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_RECVMSG` | |
//! | `fd` | the socket | |
//! | `addr` | a `msghdr` inside the op | its `msg_iov` is an array that the op owns, its `msg_name` room for an address inside the op |
//! | `len` | 1 | one message |
//! | `op_flags` | `MSG_CMSG_CLOEXEC` and what the caller adds | `msg_flags` |
//!
//! There is no room for control messages: descriptors that somebody sends along are discarded by the kernel, not
//! leaked into our table.
//!
//! **How it completes.** With the number of bytes; the kernel has then written the sender's address and its length
//! (none on a connected stream) and whether the datagram was longer than the buffers.
//!
//! **When dropped in flight.** As for [`Recv`](super::Recv): a datagram that came before the cancel is gone.

use std::fmt;

use ringmesh_buf::{BufError, BufResult, IoVecBufMut};
use ringmesh_sys::{Sqe, opcode};
use socket2::SockAddr;

use super::{
    early::{self, Early},
    iovecs::{IoVecs, MsgHdr},
    name::Name,
};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Receives one message into several buffers.
#[doc(alias = "IORING_OP_RECVMSG")]
pub struct RecvMsg<V> {
    fd: FdRef,
    bufs: V,
    from: Name,
    iovecs: IoVecs,
    header: MsgHdr,
    flags: i32,
    early: Option<Early>,
}

/// What a [`RecvMsg`] brought besides the bytes.
#[derive(Clone, Debug)]
pub struct Received {
    /// Bytes written into the buffers.
    pub len: usize,
    /// Who sent them, where the socket says so.
    pub from: Option<SockAddr>,
    /// The datagram was longer than the buffers; its rest is lost.
    pub truncated: bool,
}

impl<V: IoVecBufMut> RecvMsg<V> {
    /// Receives into `bufs`, filling each from its start up to its capacity before the next.
    ///
    /// Buffers without any room come out as `InvalidInput`.
    pub fn new(fd: &SharedFd, mut bufs: V) -> Self {
        let mut room = false;
        bufs.parts_mut(&mut |_, len| room |= len > 0);
        let early = (!room).then_some(Early::NO_ROOM);
        let (iovecs, header) = (IoVecs::new(), MsgHdr::new());
        Self {
            fd: fd.inner(),
            bufs,
            from: Name::new(),
            iovecs,
            header,
            flags: libc::MSG_CMSG_CLOEXEC,
            early,
        }
    }

    /// Receives with `MSG_*` flags: `MSG_PEEK`, ... `MSG_TRUNC` is left out: with it TCP counts bytes that it has thrown
    /// away and not written. That a datagram was too long is told without it.
    #[must_use]
    pub fn flags(mut self, flags: i32) -> Self {
        self.flags = flags & !libc::MSG_TRUNC | libc::MSG_CMSG_CLOEXEC;
        self
    }
}

// SAFETY: `addr` is the address of `header` inside the op. The header points at the iovec array's heap block and at the
// address room inside the op, the array into the buffers as IoVecBufMut promises. The op owns all of them, is not moved
// until the terminal CQE (the contract of `sqe`), and touches none before `complete` or `orphan` consume it.
unsafe impl<V: IoVecBufMut> OpCode for RecvMsg<V> {
    type Output = BufResult<Received, V>;
    const NAME: &'static str = "recvmsg";
    const KIND: u8 = opcode::RECVMSG;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        self.iovecs = IoVecs::of_room(&mut self.bufs);
        self.header.set_parts(&mut self.iovecs);
        let (storage, _) = self.from.pointers();
        self.header.set_name(storage, self.from.capacity());
        Sqe {
            opcode: opcode::RECVMSG,
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

    unsafe fn complete(mut self, res: Res) -> Self::Output {
        let mut len = match early::byte_count(self.early, res) {
            Ok(len) => len,
            Err(error) => return Err(BufError::new(error, self.bufs)),
        };
        // A count from the kernel is bounds-checked before it is believed.
        len = len.min(self.bufs.total_capacity());
        // SAFETY: the kernel has written `len` bytes into the parts, in their order: `res` is the result of this op's own
        // request (contract of `complete`), which did not have MSG_TRUNC.
        unsafe { self.bufs.set_len_init(len) };
        let from = match self.header.name_len() {
            0 => None,
            name_len => Some(self.from.into_addr_of(name_len)),
        };
        let truncated = self.header.flags() & libc::MSG_TRUNC != 0;
        Ok((
            Received {
                len,
                from,
                truncated,
            },
            self.bufs,
        ))
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl<V> fmt::Debug for RecvMsg<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMsg")
            .field("fd", &self.fd)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}
