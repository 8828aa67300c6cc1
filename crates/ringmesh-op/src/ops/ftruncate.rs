//! `IORING_OP_FTRUNCATE`: set a file's length.
//!
//! **What the kernel sees** (ftruncate(2); Linux 6.9)
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_FTRUNCATE` | |
//! | `fd` | the file | |
//! | `off` | the new length | |
//!
//! **How it completes.** With 0 or an errno, always from an io-wq worker. A kernel without the opcode says `EINVAL`;
//! [`Ftruncate::is_supported`] says so beforehand (ftruncate(2) may wait for a disk, so it is not called in its
//! place here: that is for a blocking pool).
//!
//! **When dropped in flight.** Nothing to give back; the length may be changed or not.

use std::io;

use ringmesh_sys::{Capabilities, Sqe, opcode};

use super::early::{self, Early};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Sets a file's length.
#[derive(Debug)]
#[doc(alias = "IORING_OP_FTRUNCATE")]
pub struct Ftruncate {
    fd: FdRef,
    len: u64,
    early: Option<Early>,
}

impl Ftruncate {
    /// Cuts `fd` to `len` bytes, or lengthens it with zeroes. A length past `i64::MAX` comes out as `InvalidInput`.
    pub fn new(fd: &SharedFd, len: u64) -> Self {
        Self {
            fd: fd.inner(),
            len,
            early: Early::of_offset(len),
        }
    }

    /// Whether this kernel has the opcode.
    pub fn is_supported() -> bool {
        Capabilities::probe().has_opcode(opcode::FTRUNCATE)
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for Ftruncate {
    type Output = io::Result<()>;
    const NAME: &'static str = "ftruncate";
    const KIND: u8 = opcode::FTRUNCATE;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        Sqe {
            opcode: opcode::FTRUNCATE,
            fd: self.fd.raw(),
            off: self.len,
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
