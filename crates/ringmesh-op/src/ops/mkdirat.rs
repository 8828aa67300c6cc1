//! `IORING_OP_MKDIRAT`: make a directory.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_MKDIRAT"; mkdirat(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_MKDIRAT` | |
//! | `fd` | the directory a relative path starts from, or `AT_FDCWD` | |
//! | `addr` | the path, NUL-terminated, owned by the op | |
//! | `len` | the mode, less the umask | |
//!
//! **How it completes.** With 0 or an errno, always from an io-wq worker.
//!
//! **When dropped in flight.** Nothing to give back; the directory may be there or not.

use std::{io, path::Path};

use ringmesh_sys::{Sqe, opcode};

use super::{early::restart_interrupted, path::At};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Makes one directory; its parent must be there.
#[derive(Debug)]
#[doc(alias = "IORING_OP_MKDIRAT")]
pub struct MkdirAt {
    at: At,
    mode: u32,
}

impl MkdirAt {
    /// mkdir(2), with `mode` (0o777 as in std, say) less the process's umask.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path has a NUL in it.
    pub fn new(path: impl AsRef<Path>, mode: u32) -> io::Result<Self> {
        Ok(Self {
            at: At::new(path.as_ref())?,
            mode,
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
unsafe impl OpCode for MkdirAt {
    type Output = io::Result<()>;
    const NAME: &'static str = "mkdirat";
    const KIND: u8 = opcode::MKDIRAT;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::MKDIRAT,
            fd: self.at.dir_raw(),
            addr: self.at.addr(),
            len: self.mode,
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
