//! `IORING_OP_OPENAT`: open or create a file.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_OPENAT"; openat(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_OPENAT` | |
//! | `fd` | the directory a relative path starts from, or `AT_FDCWD` | |
//! | `addr` | the path, NUL-terminated, owned by the op | |
//! | `len` | the mode of a file that is created | |
//! | `op_flags` | `O_*` flags, always with `O_CLOEXEC` | `open_flags`; no descriptor of ours survives an exec |
//!
//! | `flags` | 0, or `IOSQE_ASYNC` | see below |
//!
//! **How it completes.** With a descriptor, or an errno. The kernel looks in its caches first (`RESOLVE_CACHED`) and
//! leaves the rest to an io-wq worker; `O_CREAT`, `O_TRUNC` and `O_TMPFILE` always go to the worker.
//!
//! *A FIFO is not waited for.* The attempt from the caches is made with `O_NONBLOCK`: a FIFO without a writer opens for
//! reading at once, one without a reader fails with `ENXIO` for writing. [`OpenAt::on_worker`] skips the attempt: the
//! open then waits for the other end, as open(2) does.
//!
//! **When dropped in flight.** A descriptor that still comes is closed. An open that hangs (a FIFO without a writer, a
//! dead NFS server) is interrupted by the cancel where the file system allows it.

use std::{
    io,
    os::fd::{FromRawFd, OwnedFd},
    path::Path,
};

use ringmesh_sys::{Sqe, opcode, sqe_flags};

use super::{early::restart_interrupted, path::At};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Opens a file.
#[derive(Debug)]
#[doc(alias = "IORING_OP_OPENAT")]
#[doc(alias = "open")]
pub struct OpenAt {
    at: At,
    flags: i32,
    mode: u32,
    sqe_flags: u8,
}

impl OpenAt {
    /// Opens `path` with `O_*` flags (`O_CLOEXEC` is added); `mode` counts when a file is created.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path has a NUL in it.
    pub fn new(path: impl AsRef<Path>, flags: i32, mode: u32) -> io::Result<Self> {
        let at = At::new(path.as_ref())?;
        Ok(Self {
            at,
            flags: flags | libc::O_CLOEXEC,
            mode,
            sqe_flags: 0,
        })
    }

    /// Lets a relative path start from `dir`.
    #[must_use]
    pub fn at(mut self, dir: &SharedFd) -> Self {
        self.at.set_dir(dir);
        self
    }

    /// Opens on an io-wq worker from the start, for a FIFO whose other end is to be waited for.
    #[must_use]
    pub fn on_worker(mut self) -> Self {
        self.sqe_flags = sqe_flags::ASYNC;
        self
    }
}

// SAFETY: `addr` is the path's heap block, which the op owns and leaves alone.
unsafe impl OpCode for OpenAt {
    type Output = io::Result<OwnedFd>;
    const NAME: &'static str = "openat";
    const KIND: u8 = opcode::OPENAT;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::OPENAT,
            flags: self.sqe_flags,
            fd: self.at.dir_raw(),
            addr: self.at.addr(),
            len: self.mode,
            op_flags: self.flags as u32,
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

/// The descriptor that a successful open, accept or socket made. Whoever drops it closes it.
///
/// # Safety
///
/// `res` is the result of a request that makes a descriptor, and nobody else has made an owner of it.
pub(crate) unsafe fn new_fd(res: Res) -> io::Result<OwnedFd> {
    let fd = res.io()? as i32;
    // SAFETY: the kernel has installed `fd` for this request and told nobody else; the caller says that it is used once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
