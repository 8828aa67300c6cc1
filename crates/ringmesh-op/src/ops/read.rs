//! `IORING_OP_READ`: read into one buffer, from an offset or from the current position.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_READ"; pread(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_READ` | |
//! | `fd` | the file | |
//! | `addr` | the buffer's first byte (behind what an inline read has brought) | read once, here; the buffer does not move until the terminal CQE |
//! | `len` | its room, at most `MAX_RW_COUNT` | a longer read is short, as with read(2) |
//! | `off` | the offset, or `u64::MAX` for "the current position" | pipes and terminals have no offsets |
//! | `op_flags` | 0 | `rw_flags`: the kernel itself tries without waiting first |
//!
//! **How it completes.** With the number of bytes, 0 at the end of the file, or an errno. The buffer's length is set
//! to what was read (growable types) and it is handed back in both cases.
//!
//! **Inline first** (only with [`ReadHints`], [`Read::with_hints`]). A read of the page cache costs 0.7 us as a
//! syscall and 1.2 us through the ring, so a read whose file is known asks `preadv2(RWF_NOWAIT)` at its first poll:
//!
//! 1. The hints say what the file is: regular and without `O_DIRECT`, or never inline. (On an `O_DIRECT` file
//!    `RWF_NOWAIT` does the device's work on this thread: 56 us measured.)
//! 2. All the room filled, or the end of the file reached: the op is done and the kernel's ring never hears of it.
//! 3. A short answer that is not the end (large folios stop at 16 KiB, the next page may be cold): ask again for the
//!    rest; at `EAGAIN` the op keeps what it has and the ring reads the rest. The caller sees one result.
//! 4. `EAGAIN`: the ring reads. After two in a row the file is taken for cold and goes straight to the ring (a miss
//!    costs 5.8 us); every 16th read asks again, and the first that completes without waiting ends this.
//! 5. `EOPNOTSUPP`: the file system has no `RWF_NOWAIT`. tmpfs and ramfs live in memory: from now on plain `pread`,
//!    inline. (A swapped-out tmpfs page is then waited for on this thread.) Any other: from now on the ring.
//!
//! Rejected: to decide "depth 1: inline, deeper: ring" at the first poll. It cannot be known there: 32 joined futures
//! are each complete inside their own first poll.
//!
//! **When dropped in flight.** The buffer is dropped after the terminal CQE. Bytes of a file can be read again; bytes
//! that a [`Read::current`] took out of a pipe are gone, so keep the op and await its `cancel()` there.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
};

use ringmesh_buf::{BufError, BufResult, IoBufMut};
use ringmesh_sys::{Sqe, opcode};

use super::early::{self, Early};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// `off` of a read or write at the file's own position.
pub(super) const CURRENT: u64 = u64::MAX;

/// Reads into one buffer.
///
/// Without [`with_hints`](Self::with_hints) it always goes through the ring.
#[doc(alias = "IORING_OP_READ")]
#[doc(alias = "pread")]
pub struct Read<B> {
    fd: FdRef,
    buf: B,
    offset: u64,
    early: Option<Early>,
    hints: Option<Arc<ReadHints>>,
    /// Bytes at the buffer's start that an inline read has brought; the ring reads what follows.
    inline_bytes: usize,
}

impl<B: IoBufMut> Read<B> {
    /// Reads at `offset` into `buf`, from its start up to its capacity.
    ///
    /// An offset past `i64::MAX` and a buffer without room come out as `InvalidInput`, with the buffer.
    pub fn new(fd: &SharedFd, buf: B, offset: u64) -> Self {
        let no_room = || (buf.capacity_total() == 0).then_some(Early::NO_ROOM);
        let early = Early::of_offset(offset).or_else(no_room);
        Self {
            fd: fd.inner(),
            buf,
            offset,
            early,
            hints: None,
            inline_bytes: 0,
        }
    }

    /// Reads at the file's current position and moves it: for pipes, terminals and devices.
    ///
    /// Two of these in flight on one file take their bytes in no particular order.
    pub fn current(fd: &SharedFd, buf: B) -> Self {
        let mut read = Self::new(fd, buf, 0);
        read.offset = CURRENT;
        read
    }

    /// Lets the read answer from the page cache at its first poll, as far as `hints` and the runtime's
    /// configuration allow. `hints` belong to the open file: keep one per file and pass it to every read.
    #[must_use]
    pub fn with_hints(mut self, hints: &Arc<ReadHints>) -> Self {
        self.hints = Some(Arc::clone(hints));
        self
    }

    /// Steps 2 to 5 of the module's protocol.
    fn read_cached(&mut self, hints: &ReadHints) -> Option<Res> {
        loop {
            match self.pread(libc::RWF_NOWAIT) {
                Ok(0) => return Some(self.done_inline(hints)),
                Ok(n) => {
                    self.inline_bytes += n;
                    if self.inline_bytes >= self.room() {
                        return Some(self.done_inline(hints));
                    }
                }
                Err(libc::EAGAIN) => {
                    hints.missed();
                    return None;
                }
                Err(libc::EOPNOTSUPP) if self.inline_bytes == 0 => {
                    return match hints.without_nowait(&self.fd) {
                        Mode::Plain => self.read_memory(),
                        Mode::NoWait | Mode::Ring => None,
                    };
                }
                // A signal, or an error of the rest after a good start: the ring gives the last word.
                Err(_) if self.inline_bytes > 0 => return None,
                Err(libc::EINTR) => return None,
                Err(errno) => return Some(Res::err(errno)),
            }
        }
    }

    /// One plain pread of a file that lives in memory.
    fn read_memory(&mut self) -> Option<Res> {
        match self.pread(0) {
            Ok(n) => Some(Res::new(result_of(n))),
            Err(libc::EINTR) => None,
            Err(errno) => Some(Res::err(errno)),
        }
    }

    /// The inline bytes as the op's result.
    fn done_inline(&mut self, hints: &ReadHints) -> Res {
        hints.hit();
        Res::new(result_of(std::mem::take(&mut self.inline_bytes)))
    }

    /// preadv2(2) into the room behind the inline bytes; the error is an errno.
    fn pread(&mut self, flags: libc::c_int) -> Result<usize, i32> {
        let (ptr, len) = self.target();
        let iov = libc::iovec {
            iov_base: ptr.cast(),
            iov_len: len as usize,
        };
        let offset = self.offset + self.inline_bytes as u64;
        // The kernel takes the offset in two words, of which the high one is empty where a word has 64 bits.
        let (low, high) = (offset as libc::c_ulong, (offset >> 32) as libc::c_ulong);
        // Not libc's preadv2: that is a thread cancellation point, which costs two locked instructions in a process with
        // more than one thread.
        // SAFETY: `iov` is on the stack and describes `len` writable bytes of the buffer, which `self` owns and
        // `&mut self` keeps from everyone else for the length of the call.
        let n = unsafe {
            libc::syscall(
                libc::SYS_preadv2,
                self.fd.raw(),
                &raw const iov,
                1,
                low,
                high,
                flags,
            )
        };
        usize::try_from(n).map_err(|_| {
            io::Error::last_os_error()
                .raw_os_error()
                .unwrap_or(libc::EIO)
        })
    }

    /// Where the next byte goes, and how much room there is.
    fn target(&mut self) -> (*mut u8, u32) {
        let len = early::clip(self.buf.capacity_total() - self.inline_bytes);
        // SAFETY: inline_bytes <= capacity_total, so the sum is inside the buffer or one past its end.
        let ptr = unsafe { self.buf.as_mut_ptr().add(self.inline_bytes) };
        (ptr, len)
    }

    /// The most bytes this read returns: results are `i32`.
    fn room(&self) -> usize {
        early::clip(self.buf.capacity_total()) as usize
    }
}

// SAFETY: `addr` points into the buffer. IoBufMut promises that the pointer stays valid while the buffer is not
// moved, the op owns it, and nothing here moves or shrinks it before `complete` or `orphan` consume the op.
unsafe impl<B: IoBufMut> OpCode for Read<B> {
    type Output = BufResult<usize, B>;
    const NAME: &'static str = "read";
    const KIND: u8 = opcode::READ;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        let (ptr, len) = self.target();
        let off = if self.offset == CURRENT {
            CURRENT
        } else {
            self.offset + self.inline_bytes as u64
        };
        Sqe {
            opcode: opcode::READ,
            fd: self.fd.raw(),
            addr: ptr as u64,
            len,
            off,
            ..Sqe::default()
        }
    }

    fn try_inline(&mut self, cfg: &Config) -> Option<Res> {
        if let Some(early) = self.early {
            return Some(early.res());
        }
        if !cfg.inline_reads || self.offset == CURRENT {
            return None;
        }
        // Taken out and put back: a clone would cost two locked instructions.
        let hints = self.hints.take()?;
        let res = match hints.mode(&self.fd) {
            Mode::NoWait => self.read_cached(&hints),
            Mode::Plain => self.read_memory(),
            Mode::Ring => None,
        };
        self.hints = Some(hints);
        res
    }

    fn resume(&mut self, res: Res) -> Resume {
        early::restart_interrupted(res)
    }

    unsafe fn complete(mut self, res: Res) -> Self::Output {
        let read = match early::byte_count(self.early, res) {
            // A count from the kernel is bounds-checked before it is believed.
            Ok(n) => (self.inline_bytes + n).min(self.buf.capacity_total()),
            // The inline part stands, whatever became of the rest; the next read meets the error again.
            Err(_) if self.inline_bytes > 0 => self.inline_bytes,
            Err(error) => return Err(BufError::new(error, self.buf)),
        };
        // SAFETY: the kernel has written the buffer's first `read` bytes: `res` counts those of this op's own request
        // (contract of `complete`), the inline reads counted theirs. It is within the capacity.
        unsafe { self.buf.set_len_init(read) };
        Ok((read, self.buf))
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl<B> fmt::Debug for Read<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read")
            .field("fd", &self.fd)
            .field("offset", &self.offset)
            .field("inline_bytes", &self.inline_bytes)
            .finish_non_exhaustive()
    }
}

/// What past reads have taught about one open file, so that the next one takes the cheaper way.
///
/// One per open file, shared by its clones and by every read. All of it is advice: a lost update costs one read in
/// the slower way. A file whose `O_DIRECT` is switched on by fcntl(2) after its first read needs new hints.
#[derive(Debug, Default)]
pub struct ReadHints {
    mode: AtomicU8,
    /// Reads since the last one that completed without waiting, the probes among them counted once.
    waits: AtomicU32,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// `preadv2(RWF_NOWAIT)` first.
    NoWait,
    /// Plain `pread`: the file lives in memory.
    Plain,
    /// The ring.
    Ring,
}

impl ReadHints {
    const UNKNOWN: u8 = 0;
    const NOWAIT: u8 = 1;
    const PLAIN: u8 = 2;
    const RING: u8 = 3;

    /// `EAGAIN`s in a row after which a file is taken for cold (PROTOCOLS B5 of the design: two).
    const WAITS_COLD: u32 = 2;
    /// One read in so many of a cold file asks inline again (picked: a miss costs 5.8 us, so 0.4 us a read).
    const PROBE_EVERY: u32 = 16;

    /// Nothing is known yet: the first read looks (fcntl(2) and fstat(2), once per file).
    pub fn new() -> Self {
        Self::default()
    }

    /// For a file of which it is known that it must not be read inline.
    pub fn ring_only() -> Self {
        Self {
            mode: AtomicU8::new(Self::RING),
            waits: AtomicU32::new(0),
        }
    }

    /// The way of the next read.
    fn mode(&self, fd: &FdRef) -> Mode {
        // Relaxed, here and below: each word is advice of its own, nothing is published through it.
        match self.mode.load(Ordering::Relaxed) {
            Self::UNKNOWN => self.look(fd),
            Self::NOWAIT if self.asks_inline() => Mode::NoWait,
            Self::PLAIN => Mode::Plain,
            _ => Mode::Ring,
        }
    }

    /// Whether the next read of a `NOWAIT` file asks inline: always while it is warm, now and then while it is cold.
    fn asks_inline(&self) -> bool {
        let waits = self.waits.load(Ordering::Relaxed);
        if waits < Self::WAITS_COLD {
            return true;
        }
        self.waits.store(
            waits.wrapping_add(1).max(Self::WAITS_COLD),
            Ordering::Relaxed,
        );
        (waits - Self::WAITS_COLD) % Self::PROBE_EVERY == Self::PROBE_EVERY - 1
    }

    /// A read completed without waiting.
    fn hit(&self) {
        if self.waits.load(Ordering::Relaxed) != 0 {
            self.waits.store(0, Ordering::Relaxed);
        }
    }

    /// A read was told `EAGAIN`. (A probe of a cold file has counted itself.)
    fn missed(&self) {
        let waits = self.waits.load(Ordering::Relaxed);
        if waits < Self::WAITS_COLD {
            self.waits.store(waits + 1, Ordering::Relaxed);
        }
    }

    /// The file's first read: what is it?
    fn look(&self, fd: &FdRef) -> Mode {
        // SAFETY: F_GETFL takes no argument and touches no memory of ours.
        let flags = unsafe { libc::fcntl(fd.raw(), libc::F_GETFL) };
        let direct = flags < 0 || flags & libc::O_DIRECT != 0;
        let mode = if direct || !is_regular(fd) {
            Self::RING
        } else {
            Self::NOWAIT
        };
        self.mode.store(mode, Ordering::Relaxed);
        if mode == Self::NOWAIT {
            Mode::NoWait
        } else {
            Mode::Ring
        }
    }

    /// The file system does not know `RWF_NOWAIT`: memory or ring, from now on.
    fn without_nowait(&self, fd: &FdRef) -> Mode {
        let (mode, word) = if is_in_memory(fd) {
            (Mode::Plain, Self::PLAIN)
        } else {
            (Mode::Ring, Self::RING)
        };
        self.mode.store(word, Ordering::Relaxed);
        mode
    }
}

/// A length that fits `i32`, as every length that came out of [`early::clip`] does.
fn result_of(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}

fn is_regular(fd: &FdRef) -> bool {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::zeroed();
    // SAFETY: `stat` is ours and large enough.
    let rc = unsafe { libc::fstat(fd.raw(), stat.as_mut_ptr()) };
    // SAFETY: zeroed above, and every bit pattern is a stat: initialised whatever fstat did.
    let stat = unsafe { stat.assume_init() };
    rc == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFREG
}

fn is_in_memory(fd: &FdRef) -> bool {
    let mut stat = std::mem::MaybeUninit::<libc::statfs>::zeroed();
    // SAFETY: `stat` is ours and large enough.
    let rc = unsafe { libc::fstatfs(fd.raw(), stat.as_mut_ptr()) };
    // SAFETY: zeroed above, and every bit pattern is a statfs: initialised whatever fstatfs did.
    let stat = unsafe { stat.assume_init() };
    // The literal is RAMFS_MAGIC of linux/magic.h, which libc does not carry; the field's type differs between libcs.
    rc == 0 && matches!(stat.f_type, libc::TMPFS_MAGIC | 0x8584_58f6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cold_file_is_probed_now_and_then_and_a_hit_ends_it() {
        let hints = ReadHints::new();
        assert!(hints.asks_inline());
        hints.missed();
        assert!(hints.asks_inline(), "one miss is not cold");
        hints.missed();
        let asked: Vec<bool> = (0..32).map(|_| hints.asks_inline()).collect();
        assert_eq!(asked.iter().filter(|asks| **asks).count(), 2);
        assert!(asked[15] && asked[31]);
        hints.hit();
        assert!(hints.asks_inline());
    }
}
