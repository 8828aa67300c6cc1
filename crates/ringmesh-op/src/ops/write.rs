//! `IORING_OP_WRITE`: write one buffer, at an offset or at the current position.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_WRITE"; pwrite(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_WRITE` | |
//! | `fd` | the file | |
//! | `addr` | the buffer's first byte | read once, here |
//! | `len` | its initialised length, at most `MAX_RW_COUNT` | a longer write is short, as with write(2) |
//! | `off` | the offset, or `u64::MAX` for "the current position" | a file opened with `O_APPEND` ignores it |
//! | `op_flags` | 0 | `rw_flags` |
//!
//! **How it completes.** With the number of bytes written, which may be fewer than asked (a full disk, a signal, a
//! file-size limit); the buffer comes back in both cases. Zero bytes are `Ok(0)` without the kernel.
//!
//! Never inline: `pwritev2(RWF_NOWAIT)` on a buffered file is `EOPNOTSUPP` (measured on 6.18).
//!
//! **When dropped in flight.** The buffer is dropped after the terminal CQE. The bytes may be written or not, and a
//! write that io-wq has begun cannot be stopped: whoever issues a later overlapping write waits for this one first
//! (ringmesh-fs does, P22).

use std::fmt;

use ringmesh_buf::{BufError, BufResult, IoBuf};
use ringmesh_sys::{Sqe, opcode};

use super::{
    early::{self, Early},
    read::CURRENT,
};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Writes one buffer.
#[doc(alias = "IORING_OP_WRITE")]
#[doc(alias = "pwrite")]
pub struct Write<B> {
    fd: FdRef,
    buf: B,
    offset: u64,
    early: Option<Early>,
}

impl<B: IoBuf> Write<B> {
    /// Writes the buffer's initialised bytes at `offset`.
    ///
    /// An offset past `i64::MAX` comes out as `InvalidInput`, with the buffer.
    pub fn new(fd: &SharedFd, buf: B, offset: u64) -> Self {
        let nothing = || (buf.len_init() == 0).then_some(Early::Nothing);
        let early = Early::of_offset(offset).or_else(nothing);
        Self {
            fd: fd.inner(),
            buf,
            offset,
            early,
        }
    }

    /// Writes at the file's current position and moves it: for pipes, terminals and devices.
    pub fn current(fd: &SharedFd, buf: B) -> Self {
        let mut write = Self::new(fd, buf, 0);
        write.offset = CURRENT;
        write
    }
}

// SAFETY: `addr` points into the buffer. IoBuf promises that the pointer stays valid while the buffer is not moved,
// the op owns it, and nothing here touches it before `complete` or `orphan` consume the op.
unsafe impl<B: IoBuf> OpCode for Write<B> {
    type Output = BufResult<usize, B>;
    const NAME: &'static str = "write";
    const KIND: u8 = opcode::WRITE;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        Sqe {
            opcode: opcode::WRITE,
            fd: self.fd.raw(),
            addr: self.buf.as_ptr() as u64,
            len: early::clip(self.buf.len_init()),
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
            Ok(n) => Ok((n, self.buf)),
            Err(error) => Err(BufError::new(error, self.buf)),
        }
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl<B> fmt::Debug for Write<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("fd", &self.fd)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}
