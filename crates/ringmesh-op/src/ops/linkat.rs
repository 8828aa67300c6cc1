//! `IORING_OP_LINKAT`: give a file a second name.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_LINKAT"; linkat(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_LINKAT` | |
//! | `fd` | the directory the existing path starts from, or `AT_FDCWD` | |
//! | `addr` | the existing path, NUL-terminated, owned by the op | |
//! | `len` | the directory the new path starts from, or `AT_FDCWD` | a descriptor in a length's place |
//! | `off` | the new path, NUL-terminated, owned by the op | `addr2` |
//! | `op_flags` | 0 | `hardlink_flags`: a symbolic link is linked itself |
//!
//! **How it completes.** With 0 or an errno, always from an io-wq worker.
//!
//! **When dropped in flight.** Nothing to give back; the name may be there or not.

use std::{io, path::Path};

use ringmesh_sys::{Sqe, opcode};

use super::{early::restart_interrupted, path::At};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Makes a hard link.
#[derive(Debug)]
#[doc(alias = "IORING_OP_LINKAT")]
pub struct LinkAt {
    existing: At,
    new: At,
}

impl LinkAt {
    /// link(2): `new` becomes another name of `existing`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a path has a NUL in it.
    pub fn new(existing: impl AsRef<Path>, new: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self {
            existing: At::new(existing.as_ref())?,
            new: At::new(new.as_ref())?,
        })
    }

    /// Lets relative paths start from `dir`, both of them.
    #[must_use]
    pub fn at(mut self, dir: &SharedFd) -> Self {
        self.existing.set_dir(dir);
        self.new.set_dir(dir);
        self
    }
}

// SAFETY: `addr` and `off` are the heap blocks of the two paths, which the op owns and leaves alone.
unsafe impl OpCode for LinkAt {
    type Output = io::Result<()>;
    const NAME: &'static str = "linkat";
    const KIND: u8 = opcode::LINKAT;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::LINKAT,
            fd: self.existing.dir_raw(),
            addr: self.existing.addr(),
            len: self.new.dir_raw() as u32,
            off: self.new.addr(),
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
        self.existing.dir()
    }
}
