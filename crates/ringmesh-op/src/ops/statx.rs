//! `IORING_OP_STATX`: what is known about a file.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_STATX"; statx(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_STATX` | |
//! | `fd` | the directory a relative path starts from, `AT_FDCWD`, or the file itself | |
//! | `addr` | the path, NUL-terminated, owned by the op; empty with `AT_EMPTY_PATH` | |
//! | `len` | `STATX_BASIC_STATS` and `STATX_BTIME` | the mask: what we want to know |
//! | `off` | a `struct statx` inside the op | the kernel writes the answer there |
//! | `op_flags` | `AT_EMPTY_PATH`, `AT_SYMLINK_NOFOLLOW` | `statx_flags` |
//!
//! **How it completes.** With 0 or an errno, always from an io-wq worker: 28-32 us measured.
//!
//! **Inline first.** A path whose every part is in the dentry cache needs no worker:
//!
//! 1. `openat2(O_PATH | O_CLOEXEC, RESOLVE_CACHED)`. `O_PATH`, because a plain open of a FIFO, terminal or device has
//!    effects; `RESOLVE_CACHED`, because it says `EAGAIN` where a lookup would have to read a disk or ask a server.
//! 2. `statx` of that descriptor with `AT_EMPTY_PATH`, and close: 2.3-2.7 us together, measured.
//! 3. `EAGAIN`, a full descriptor table, or a kernel or seccomp profile without openat2: the ring.
//!
//! An open file needs step 2 alone. A file system that keeps its attributes elsewhere (NFS, FUSE) may be asked by
//! `statx` even so, on this thread: [`Statx::on_ring`] is for those who know that they stat such files, and the
//! runtime's `inline_reads(false)` for everybody.
//!
//! **When dropped in flight.** The kernel writes into the op's own memory until the terminal CQE; nothing to give
//! back.

use std::{
    fmt, io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use ringmesh_sys::{Sqe, opcode};

use super::{early::restart_interrupted, openat2::How, path::At};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Asks for a file's metadata.
#[doc(alias = "IORING_OP_STATX")]
#[doc(alias = "stat")]
pub struct Statx {
    at: At,
    flags: i32,
    inline: bool,
    /// The kernel writes it between push and terminal CQE.
    answer: libc::statx,
}

impl Statx {
    /// What `path` leads to, symbolic links followed: stat(2).
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path has a NUL in it.
    pub fn new(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::with(At::new(path.as_ref())?, 0))
    }

    /// What is at `path` itself, be it a symbolic link: lstat(2).
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path has a NUL in it.
    pub fn symlink(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::with(
            At::new(path.as_ref())?,
            libc::AT_SYMLINK_NOFOLLOW,
        ))
    }

    /// An open file: fstat(2).
    pub fn of(fd: &SharedFd) -> Self {
        Self::with(At::itself(fd), libc::AT_EMPTY_PATH)
    }

    /// Lets a relative path start from `dir`.
    #[must_use]
    pub fn at(mut self, dir: &SharedFd) -> Self {
        self.at.set_dir(dir);
        self
    }

    /// Never answers inline: for file systems on which metadata is far away.
    #[must_use]
    pub fn on_ring(mut self) -> Self {
        self.inline = false;
        self
    }

    fn with(at: At, flags: i32) -> Self {
        // SAFETY: a `struct statx` is plain integers, for which zero is a value.
        let answer = unsafe { std::mem::zeroed() };
        Self {
            at,
            flags,
            inline: true,
            answer,
        }
    }

    /// Steps 1 and 2 of the module's protocol. `None`: the ring.
    fn stat_cached(&mut self) -> Option<Res> {
        if self.flags & libc::AT_EMPTY_PATH != 0 {
            return self.stat_fd(self.at.dir_raw());
        }
        let file = match self.open_cached() {
            Ok(file) => file,
            Err(libc::EAGAIN | libc::EINTR | libc::EMFILE | libc::ENFILE | libc::ENOMEM) => {
                return None;
            }
            Err(libc::ENOSYS | libc::EPERM) => {
                // Relaxed: a hint; whoever misses it asks once more.
                NO_OPENAT2.store(true, Ordering::Relaxed);
                return None;
            }
            Err(errno) => return Some(Res::err(errno)),
        };
        self.stat_fd(file.as_raw_fd())
    }

    /// openat2(2) of the path, without a lookup that could block; the error is an errno.
    fn open_cached(&self) -> Result<OwnedFd, i32> {
        if NO_OPENAT2.load(Ordering::Relaxed) {
            return Err(libc::EAGAIN);
        }
        let nofollow = if self.flags & libc::AT_SYMLINK_NOFOLLOW != 0 {
            libc::O_NOFOLLOW
        } else {
            0
        };
        let flags = (libc::O_PATH | libc::O_CLOEXEC | nofollow) as u64;
        let how = How {
            flags,
            mode: 0,
            resolve: libc::RESOLVE_CACHED,
        };
        let (dir, path) = (self.at.dir_raw(), self.at.path().as_ptr());
        // SAFETY: the path is NUL-terminated and `how` on the stack; the kernel only reads them, during the call.
        let fd = unsafe {
            libc::syscall(
                libc::SYS_openat2,
                dir,
                path,
                &raw const how,
                size_of::<How>(),
            )
        };
        if fd < 0 {
            return Err(last_errno());
        }
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
    }

    /// statx(2) of a descriptor. `None` if a signal came first.
    fn stat_fd(&mut self, fd: i32) -> Option<Res> {
        let flags = libc::AT_EMPTY_PATH;
        // SAFETY: the path is a static empty string, the answer is ours and exclusively borrowed.
        let rc = unsafe { libc::statx(fd, c"".as_ptr(), flags, MASK, &raw mut self.answer) };
        match rc {
            0 => Some(Res::new(0)),
            _ => match last_errno() {
                libc::EINTR => None,
                errno => Some(Res::err(errno)),
            },
        }
    }
}

/// What every request asks for.
const MASK: u32 = libc::STATX_BASIC_STATS | libc::STATX_BTIME;

/// Set once openat2 turned out to be missing or forbidden.
static NO_OPENAT2: AtomicBool = AtomicBool::new(false);

fn last_errno() -> i32 {
    io::Error::last_os_error()
        .raw_os_error()
        .unwrap_or(libc::EIO)
}

// SAFETY: `addr` is the path's heap block and `off` the address of `answer`, which lies in the op itself: valid, and
// untouched by us, as long as the op is not moved, which the contract of `sqe` promises until the terminal CQE.
unsafe impl OpCode for Statx {
    type Output = io::Result<Metadata>;
    const NAME: &'static str = "statx";
    const KIND: u8 = opcode::STATX;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::STATX,
            fd: self.at.dir_raw(),
            addr: self.at.addr(),
            len: MASK,
            off: &raw mut self.answer as u64,
            op_flags: self.flags as u32,
            ..Sqe::default()
        }
    }

    fn try_inline(&mut self, cfg: &Config) -> Option<Res> {
        if self.inline && cfg.inline_reads {
            self.stat_cached()
        } else {
            None
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        res.io().map(|_| Metadata(self.answer))
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        self.at.dir()
    }
}

impl fmt::Debug for Statx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statx")
            .field("at", &self.at)
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}

/// What the kernel knows about a file.
#[derive(Clone, Copy)]
pub struct Metadata(libc::statx);

impl Metadata {
    /// Type and permissions, as `st_mode` has them.
    pub fn mode(&self) -> u32 {
        self.0.stx_mode.into()
    }

    /// The type bits of [`mode`](Self::mode): one of `S_IFREG`, `S_IFDIR`, `S_IFLNK`, ...
    pub fn file_type(&self) -> u32 {
        self.mode() & libc::S_IFMT
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.file_type() == libc::S_IFREG
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.file_type() == libc::S_IFDIR
    }

    /// Whether it is a symbolic link (only [`Statx::symlink`] sees one).
    pub fn is_symlink(&self) -> bool {
        self.file_type() == libc::S_IFLNK
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.0.stx_size
    }

    /// What it occupies, in blocks of 512 bytes.
    pub fn blocks(&self) -> u64 {
        self.0.stx_blocks
    }

    /// The block size that suits I/O on it.
    pub fn block_size(&self) -> u32 {
        self.0.stx_blksize
    }

    /// How many names it has.
    pub fn links(&self) -> u32 {
        self.0.stx_nlink
    }

    /// Its inode number.
    pub fn inode(&self) -> u64 {
        self.0.stx_ino
    }

    /// The device it lies on, as `st_dev` has it.
    pub fn device(&self) -> u64 {
        libc::makedev(self.0.stx_dev_major, self.0.stx_dev_minor)
    }

    /// The device it is, as `st_rdev` has it.
    pub fn special_device(&self) -> u64 {
        libc::makedev(self.0.stx_rdev_major, self.0.stx_rdev_minor)
    }

    /// Its owner.
    pub fn uid(&self) -> u32 {
        self.0.stx_uid
    }

    /// Its group.
    pub fn gid(&self) -> u32 {
        self.0.stx_gid
    }

    /// When it was last read, as far as the file system records that.
    pub fn accessed(&self) -> SystemTime {
        time_of(&self.0.stx_atime)
    }

    /// When its content last changed.
    pub fn modified(&self) -> SystemTime {
        time_of(&self.0.stx_mtime)
    }

    /// When its content or metadata last changed.
    pub fn changed(&self) -> SystemTime {
        time_of(&self.0.stx_ctime)
    }

    /// When it was created, if the file system knows.
    pub fn created(&self) -> Option<SystemTime> {
        (self.0.stx_mask & libc::STATX_BTIME != 0).then(|| time_of(&self.0.stx_btime))
    }

    /// The kernel's own structure.
    pub fn raw(&self) -> &libc::statx {
        &self.0
    }
}

/// Seconds may be negative, nanoseconds count forward from them.
fn time_of(at: &libc::statx_timestamp) -> SystemTime {
    let seconds = Duration::from_secs(at.tv_sec.unsigned_abs());
    let whole = if at.tv_sec >= 0 {
        SystemTime::UNIX_EPOCH + seconds
    } else {
        SystemTime::UNIX_EPOCH - seconds
    };
    whole + Duration::from_nanos(at.tv_nsec.into())
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("mode", &format_args!("{:o}", self.mode()))
            .field("size", &self.size())
            .field("inode", &self.inode())
            .field("modified", &self.modified())
            .finish_non_exhaustive()
    }
}
