//! `IORING_OP_OPENAT2`: open a file with rules for how its path may be resolved.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_OPENAT2"; openat2(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_OPENAT2` | |
//! | `fd` | the directory a relative path starts from, or `AT_FDCWD` | |
//! | `addr` | the path, NUL-terminated, owned by the op | |
//! | `len` | `size_of::<open_how>()` | the structure may grow |
//! | `off` | the `open_how`, inside the op | flags (always with `O_CLOEXEC`), mode, resolve rules |
//!
//! **How it completes** and **when dropped in flight**: as [`OpenAt`](super::OpenAt).

use std::{io, os::fd::OwnedFd, path::Path};

use ringmesh_sys::{Sqe, opcode};

use super::{early::restart_interrupted, openat::new_fd, path::At};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Opens a file under resolve rules, such as "not outside this directory".
#[derive(Debug)]
#[doc(alias = "IORING_OP_OPENAT2")]
pub struct OpenAt2 {
    at: At,
    how: How,
}

/// `struct open_how` of linux/openat2.h.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(super) struct How {
    pub(super) flags: u64,
    pub(super) mode: u64,
    pub(super) resolve: u64,
}

impl OpenAt2 {
    /// Opens `path` with `O_*` flags (`O_CLOEXEC` is added) and `RESOLVE_*` rules. The kernel refuses a `mode` that
    /// is not 0 where no file is created.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path has a NUL in it.
    pub fn new(path: impl AsRef<Path>, flags: i32, mode: u32, resolve: u64) -> io::Result<Self> {
        let at = At::new(path.as_ref())?;
        let flags = (flags | libc::O_CLOEXEC) as u32;
        Ok(Self {
            at,
            how: How {
                flags: flags.into(),
                mode: mode.into(),
                resolve,
            },
        })
    }

    /// Opens `path` below `dir` and nowhere else: `RESOLVE_BENEATH`, which refuses `..` and symbolic links that lead
    /// out.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path has a NUL in it.
    pub fn beneath(
        dir: &SharedFd,
        path: impl AsRef<Path>,
        flags: i32,
        mode: u32,
    ) -> io::Result<Self> {
        Self::new(path, flags, mode, libc::RESOLVE_BENEATH).map(|open| open.at(dir))
    }

    /// Lets a relative path start from `dir`.
    #[must_use]
    pub fn at(mut self, dir: &SharedFd) -> Self {
        self.at.set_dir(dir);
        self
    }
}

// SAFETY: `addr` is the path's heap block and `off` the address of `how`, which lies in the op itself: valid as long
// as the op is not moved, which the contract of `sqe` promises until the terminal CQE.
unsafe impl OpCode for OpenAt2 {
    type Output = io::Result<OwnedFd>;
    const NAME: &'static str = "openat2";
    const KIND: u8 = opcode::OPENAT2;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::OPENAT2,
            fd: self.at.dir_raw(),
            addr: self.at.addr(),
            len: size_of::<How>() as u32,
            off: &raw const self.how as u64,
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        // SAFETY: `res` is the result of this op's own request, and it is told once (contract of `complete`).
        unsafe { new_fd(res) }
    }

    unsafe fn orphan(self, res: Res) {
        // SAFETY: as in `complete`.
        drop(unsafe { new_fd(res) });
    }

    fn fd(&self) -> Option<&FdRef> {
        self.at.dir()
    }
}
