//! `IORING_OP_WRITEV`: write several buffers, in their order.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_WRITEV"; pwritev2(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_WRITEV` | |
//! | `fd` | the file | |
//! | `addr` | an iovec array, owned by the op | one entry per buffer that is not empty |
//! | `len` | entries in it, at most 1024 | `UIO_MAXIOV`; what lies behind the 1024th is not written, the write is short |
//! | `off` | the offset, or `u64::MAX` for "the current position" | |
//! | `op_flags` | 0 | `rw_flags` |
//!
//! **How it completes.** With the total of bytes, which may end inside any buffer; all buffers come back. Nothing to
//! write is `Ok(0)` without the kernel.
//!
//! **When dropped in flight.** As for [`Write`](super::Write).

use std::fmt;

use ringmesh_buf::{BufError, BufResult, IoVecBuf};
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

/// Writes several buffers.
#[doc(alias = "IORING_OP_WRITEV")]
#[doc(alias = "pwritev")]
pub struct Writev<V> {
    fd: FdRef,
    bufs: V,
    iovecs: IoVecs,
    offset: u64,
    early: Option<Early>,
}

impl<V: IoVecBuf> Writev<V> {
    /// Writes the buffers' initialised bytes at `offset`, one buffer after the other.
    ///
    /// An offset past `i64::MAX` comes out as `InvalidInput`, with the buffers.
    pub fn new(fd: &SharedFd, bufs: V, offset: u64) -> Self {
        let nothing = || (bufs.total_len() == 0).then_some(Early::Nothing);
        let early = Early::of_offset(offset).or_else(nothing);
        Self {
            fd: fd.inner(),
            bufs,
            iovecs: IoVecs::new(),
            offset,
            early,
        }
    }

    /// Writes at the file's current position and moves it: for pipes and devices. (A socket that its peer has closed
    /// raises SIGPIPE this way: use [`SendMsg`](super::SendMsg).)
    pub fn current(fd: &SharedFd, bufs: V) -> Self {
        let mut writev = Self::new(fd, bufs, 0);
        writev.offset = CURRENT;
        writev
    }
}

// SAFETY: `addr` is the heap block of `iovecs`, whose entries point into the buffers as IoVecBuf promises; the op owns
// both and touches neither before `complete` or `orphan` consume it.
unsafe impl<V: IoVecBuf> OpCode for Writev<V> {
    type Output = BufResult<usize, V>;
    const NAME: &'static str = "writev";
    const KIND: u8 = opcode::WRITEV;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        self.iovecs = IoVecs::of(&self.bufs);
        Sqe {
            opcode: opcode::WRITEV,
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

    unsafe fn complete(self, res: Res) -> Self::Output {
        match early::byte_count(self.early, res) {
            Ok(n) => Ok((n, self.bufs)),
            Err(error) => Err(BufError::new(error, self.bufs)),
        }
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl<V> fmt::Debug for Writev<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writev")
            .field("fd", &self.fd)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
