//! `IORING_OP_FALLOCATE`: reserve a file's blocks, or give some back.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_FALLOCATE"; fallocate(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_FALLOCATE` | |
//! | `fd` | the file | |
//! | `off` | where the range starts | |
//! | `addr` | how long it is | a length in a pointer's place |
//! | `len` | `FALLOC_FL_*` | the mode |
//!
//! **How it completes.** With 0 or an errno, always from an io-wq worker.
//!
//! **When dropped in flight.** Nothing to give back; the blocks may be reserved or not.

use std::io;

use ringmesh_sys::{Sqe, opcode};

use super::early::{self, Early};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Reserves or releases a range of a file.
#[derive(Debug)]
#[doc(alias = "IORING_OP_FALLOCATE")]
pub struct Fallocate {
    fd: FdRef,
    mode: i32,
    offset: u64,
    len: u64,
    early: Option<Early>,
}

impl Fallocate {
    /// fallocate(2) with a mode (0 reserves and lengthens) on `len` bytes at `offset`. A range past `i64::MAX` comes
    /// out as `InvalidInput`.
    pub fn new(fd: &SharedFd, mode: i32, offset: u64, len: u64) -> Self {
        let early = Early::of_offset(offset.saturating_add(len));
        Self {
            fd: fd.inner(),
            mode,
            offset,
            len,
            early,
        }
    }
}

// SAFETY: the SQE holds no pointer (`addr` is a length).
unsafe impl OpCode for Fallocate {
    type Output = io::Result<()>;
    const NAME: &'static str = "fallocate";
    const KIND: u8 = opcode::FALLOCATE;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        Sqe {
            opcode: opcode::FALLOCATE,
            fd: self.fd.raw(),
            off: self.offset,
            addr: self.len,
            len: self.mode as u32,
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
        early::byte_count(self.early, res).map(drop)
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}
