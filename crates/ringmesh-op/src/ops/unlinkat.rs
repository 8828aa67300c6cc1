//! `IORING_OP_UNLINKAT`: remove a file or an empty directory.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_UNLINKAT"; unlinkat(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_UNLINKAT` | |
//! | `fd` | the directory a relative path starts from, or `AT_FDCWD` | |
//! | `addr` | the path, NUL-terminated, owned by the op | |
//! | `op_flags` | 0, or `AT_REMOVEDIR` | `unlink_flags`: file or directory |
//!
//! **How it completes.** With 0 or an errno, always from an io-wq worker.
//!
//! **When dropped in flight.** Nothing to give back; the file may be removed or not.

use std::{io, path::Path};

use ringmesh_sys::{Sqe, opcode};

use super::{early::restart_interrupted, path::At};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Removes a name, and the file with its last name.
#[derive(Debug)]
#[doc(alias = "IORING_OP_UNLINKAT")]
pub struct UnlinkAt {
    at: At,
    flags: i32,
}

impl UnlinkAt {
    /// unlink(2): a file, a symbolic link, a FIFO.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path has a NUL in it.
    pub fn new(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self {
            at: At::new(path.as_ref())?,
            flags: 0,
        })
    }

    /// rmdir(2): an empty directory.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path has a NUL in it.
    pub fn dir(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self {
            at: At::new(path.as_ref())?,
            flags: libc::AT_REMOVEDIR,
        })
    }

    /// Lets a relative path start from `dir`.
    #[must_use]
    pub fn at(mut self, dir: &SharedFd) -> Self {
        self.at.set_dir(dir);
        self
    }
}

// SAFETY: `addr` is the path's heap block, which the op owns and leaves alone.
unsafe impl OpCode for UnlinkAt {
    type Output = io::Result<()>;
    const NAME: &'static str = "unlinkat";
    const KIND: u8 = opcode::UNLINKAT;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::UNLINKAT,
            fd: self.at.dir_raw(),
            addr: self.at.addr(),
            op_flags: self.flags as u32,
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
        self.at.dir()
    }
}
