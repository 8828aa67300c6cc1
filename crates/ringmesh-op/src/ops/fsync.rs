//! `IORING_OP_FSYNC`: make what was written to a file last.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_FSYNC"; fsync(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_FSYNC` | |
//! | `fd` | the file | |
//! | `off`, `len` | 0, 0 | the whole file (a range would be `off .. off + len`) |
//! | `op_flags` | 0, or `IORING_FSYNC_DATASYNC` | `fsync_flags`: data and only the metadata that reading it back needs |
//!
//! **How it completes.** With 0, or the first write-back error since the file was last synced. It always runs on an
//! io-wq worker, and orders itself against nothing: writes that are still in flight when it is submitted may or may
//! not be covered.
//!
//! **When dropped in flight.** Nothing to give back. A sync that a worker has begun cannot be cancelled.

use std::io;

use ringmesh_sys::{Sqe, opcode};

use super::early::restart_interrupted;
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// `IORING_FSYNC_DATASYNC` of linux/io_uring.h.
const DATASYNC: u32 = 1;

/// Syncs a file to its device.
#[derive(Debug)]
#[doc(alias = "IORING_OP_FSYNC")]
#[doc(alias = "fdatasync")]
pub struct Fsync {
    fd: FdRef,
    flags: u32,
}

impl Fsync {
    /// fsync(2): data and metadata.
    pub fn new(fd: &SharedFd) -> Self {
        Self {
            fd: fd.inner(),
            flags: 0,
        }
    }

    /// fdatasync(2): data, and the metadata that reading it back needs.
    pub fn data(fd: &SharedFd) -> Self {
        Self {
            fd: fd.inner(),
            flags: DATASYNC,
        }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for Fsync {
    type Output = io::Result<()>;
    const NAME: &'static str = "fsync";
    const KIND: u8 = opcode::FSYNC;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::FSYNC,
            fd: self.fd.raw(),
            op_flags: self.flags,
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        res.io().map(drop)
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}
