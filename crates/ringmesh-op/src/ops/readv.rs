//! `IORING_OP_READV`: read into several buffers, in their order.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_READV"; preadv2(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_READV` | |
//! | `fd` | the file | |
//! | `addr` | an iovec array, owned by the op | one entry per buffer with room |
//! | `len` | entries in it, at most 1024 | `UIO_MAXIOV`; buffers behind the 1024th stay empty, the read is short |
//! | `off` | the offset, or `u64::MAX` for "the current position" | which is also how a socket is read |
//! | `op_flags` | 0 | `rw_flags` |
//!
//! **How it completes.** With the total of bytes, which fill the buffers one after the other; lengths are set so.
//!
//! **When dropped in flight.** The buffers are dropped after the terminal CQE; what came out of a pipe or socket
//! is gone with them (see [`Read`](super::Read)).

use std::fmt;

use ringmesh_buf::{BufError, BufResult, IoVecBufMut};
use ringmesh_sys::{Sqe, opcode};

use super::{
    early::{self, Early},
    iovecs::IoVecs,
    read::CURRENT,
};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Reads into several buffers.
#[doc(alias = "IORING_OP_READV")]
#[doc(alias = "preadv")]
pub struct Readv<V> {
    fd: FdRef,
    bufs: V,
    iovecs: IoVecs,
    offset: u64,
    early: Option<Early>,
}

impl<V: IoVecBufMut> Readv<V> {
    /// Reads at `offset`, filling each buffer from its start up to its capacity before the next.
    ///
    /// An offset past `i64::MAX` and buffers without any room come out as `InvalidInput`, with the buffers.
    pub fn new(fd: &SharedFd, mut bufs: V, offset: u64) -> Self {
        let mut room = false;
        bufs.parts_mut(&mut |_, len| room |= len > 0);
        let early = Early::of_offset(offset).or_else(|| (!room).then_some(Early::NO_ROOM));
        Self {
            fd: fd.inner(),
            bufs,
            iovecs: IoVecs::new(),
            offset,
            early,
        }
    }

    /// Reads at the file's current position and moves it: for pipes, sockets and devices.
    pub fn current(fd: &SharedFd, bufs: V) -> Self {
        let mut readv = Self::new(fd, bufs, 0);
        readv.offset = CURRENT;
        readv
    }
}

// SAFETY: `addr` is the heap block of `iovecs`, whose entries point into the buffers as IoVecBufMut promises; the op
// owns both and touches neither before `complete` or `orphan` consume it. (A second `sqe` after `Resume::Again`
// replaces the list when the kernel is done with the first.)
unsafe impl<V: IoVecBufMut> OpCode for Readv<V> {
    type Output = BufResult<usize, V>;
    const NAME: &'static str = "readv";
    const KIND: u8 = opcode::READV;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        self.iovecs = IoVecs::of_room(&mut self.bufs);
        Sqe {
            opcode: opcode::READV,
            fd: self.fd.raw(),
            addr: self.iovecs.addr(),
            len: self.iovecs.count(),
            off: self.offset,
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
            Ok(total) => {
                // A count from the kernel is bounds-checked before it is believed.
                let total = total.min(self.bufs.total_capacity());
                // SAFETY: the kernel has written `total` bytes into the parts, in their order: `res` is the result of this
                // op's own request (contract of `complete`).
                unsafe { self.bufs.set_len_init(total) };
                Ok((total, self.bufs))
            }
            Err(error) => Err(BufError::new(error, self.bufs)),
        }
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl<V> fmt::Debug for Readv<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readv")
            .field("fd", &self.fd)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
