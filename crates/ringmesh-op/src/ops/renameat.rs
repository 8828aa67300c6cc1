//! `IORING_OP_RENAMEAT`: give a file another name.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_RENAMEAT"; renameat2(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_RENAMEAT` | |
//! | `fd` | the directory the old path starts from, or `AT_FDCWD` | |
//! | `addr` | the old path, NUL-terminated, owned by the op | |
//! | `len` | the directory the new path starts from, or `AT_FDCWD` | a descriptor in a length's place |
//! | `off` | the new path, NUL-terminated, owned by the op | `addr2` |
//! | `op_flags` | 0, `RENAME_NOREPLACE` or `RENAME_EXCHANGE` | `rename_flags` |
//!
//! **How it completes.** With 0 or an errno, always from an io-wq worker.
//!
//! **When dropped in flight.** Nothing to give back; the file has its old name or its new one, never none.

use std::{io, path::Path};

use ringmesh_sys::{Sqe, opcode};

use super::{early::restart_interrupted, path::At};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Renames a file or directory, replacing what has the new name.
#[derive(Debug)]
#[doc(alias = "IORING_OP_RENAMEAT")]
pub struct RenameAt {
    from: At,
    to: At,
    flags: u32,
}

impl RenameAt {
    /// rename(2): what is at `from` is then at `to`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if a path has a NUL in it.
    pub fn new(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self {
            from: At::new(from.as_ref())?,
            to: At::new(to.as_ref())?,
            flags: 0,
        })
    }

    /// Lets a relative `from` start from `dir`.
    #[must_use]
    pub fn from_at(mut self, dir: &SharedFd) -> Self {
        self.from.set_dir(dir);
        self
    }

    /// Lets a relative `to` start from `dir`.
    #[must_use]
    pub fn to_at(mut self, dir: &SharedFd) -> Self {
        self.to.set_dir(dir);
        self
    }

    /// `RENAME_NOREPLACE`: fails with `AlreadyExists` instead of replacing.
    #[must_use]
    pub fn no_replace(mut self) -> Self {
        self.flags |= libc::RENAME_NOREPLACE;
        self
    }
}

// SAFETY: `addr` and `off` are the heap blocks of the two paths, which the op owns and leaves alone.
unsafe impl OpCode for RenameAt {
    type Output = io::Result<()>;
    const NAME: &'static str = "renameat";
    const KIND: u8 = opcode::RENAMEAT;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::RENAMEAT,
            fd: self.from.dir_raw(),
            addr: self.from.addr(),
            len: self.to.dir_raw() as u32,
            off: self.to.addr(),
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
        // One mask is all there is to mark; a directory is a file, whose ops its last handle leaves alone.
        self.from.dir().or(self.to.dir())
    }
}
