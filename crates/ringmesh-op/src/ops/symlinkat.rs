//! `IORING_OP_SYMLINKAT`: make a symbolic link.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_SYMLINKAT"; symlinkat(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_SYMLINKAT` | |
//! | `fd` | the directory the link's path starts from, or `AT_FDCWD` | |
//! | `addr` | the target, NUL-terminated, owned by the op | it is stored, not looked up |
//! | `off` | the link's path, NUL-terminated, owned by the op | `addr2` |
//!
//! **How it completes.** With 0 or an errno, always from an io-wq worker.
//!
//! **When dropped in flight.** Nothing to give back; the link may be there or not.

use std::{io, path::Path};

use ringmesh_sys::{Sqe, opcode};

use super::{early::restart_interrupted, path::At};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Makes a symbolic link.
#[derive(Debug)]
#[doc(alias = "IORING_OP_SYMLINKAT")]
pub struct SymlinkAt {
    target: At,
    link: At,
}

impl SymlinkAt {
    /// symlink(2): `link` then leads to `target`, whether that exists or not.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a path has a NUL in it.
    pub fn new(target: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self {
            target: At::new(target.as_ref())?,
            link: At::new(link.as_ref())?,
        })
    }

    /// Lets a relative `link` start from `dir`.
    #[must_use]
    pub fn at(mut self, dir: &SharedFd) -> Self {
        self.link.set_dir(dir);
        self
    }
}

// SAFETY: `addr` and `off` are the heap blocks of the two paths, which the op owns and leaves alone.
unsafe impl OpCode for SymlinkAt {
    type Output = io::Result<()>;
    const NAME: &'static str = "symlinkat";
    const KIND: u8 = opcode::SYMLINKAT;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::SYMLINKAT,
            fd: self.link.dir_raw(),
            addr: self.target.addr(),
            off: self.link.addr(),
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
        self.link.dir()
    }
}
