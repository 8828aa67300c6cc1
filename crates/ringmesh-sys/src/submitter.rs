//! The owner's side of a ring: the submission queue and every system call.

use std::{
    fmt, io,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    sync::Arc,
    time::Duration,
};

use crate::{
    BufRing, RingFd,
    ring::Shared,
    sqe::Sqe,
    syscall::{self, enter_flags, register},
};

/// How an [`enter`](Submitter::enter) waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: submits. Deferred completions stay hidden unless `want > 0`.
    No,
    /// Not at all, but posts the completions that are ready (`IORING_ENTER_GETEVENTS`).
    Reap,
    /// For `want` completions, but no longer than this.
    Until(Duration),
    /// For `want` completions.
    Forever,
}

/// The submission queue holds no room: enter, then push again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the submission queue is full: enter the ring, then push again")
    }
}

impl std::error::Error for Full {}

/// Submits entries and waits for completions. One half of a [`Ring`](crate::Ring).
///
/// It may be handed to another thread, but with `SINGLE_ISSUER` the kernel accepts calls only from
/// the thread that enabled the ring.
pub struct Submitter {
    shared: Arc<Shared>,
    /// The index that [`register_ring_fd`](Self::register_ring_fd) got, which belongs to the thread
    /// that registered.
    registered: Option<u32>,
    no_iowait: u32,
}

impl Submitter {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let no_iowait = if shared.uring.params().is_feature_no_iowait() {
            enter_flags::NO_IOWAIT
        } else {
            0
        };
        Self {
            shared,
            registered: None,
            no_iowait,
        }
    }

    /// What set-up gave.
    pub fn setup(&self) -> &crate::Setup {
        &self.shared.setup
    }

    /// A handle that keeps the ring's descriptor open.
    pub fn fd_handle(&self) -> RingFd {
        RingFd::new(Arc::clone(&self.shared))
    }

    /// Registers the ring's own descriptor with this thread, which saves the look-up at every
    /// enter (`IORING_REGISTER_RING_FDS`, Linux 5.18). The half must not move to another thread
    /// afterwards.
    ///
    /// # Errors
    ///
    /// Those of the kernel; the ring then goes on by its descriptor.
    pub fn register_ring_fd(&mut self) -> io::Result<()> {
        if self.registered.is_some() {
            return Ok(());
        }
        let mut update = FdUpdate {
            offset: u32::MAX,
            reserved: 0,
            data: self.raw() as u64,
        };
        // SAFETY: RING_FDS reads and writes one `struct io_uring_rsrc_update` during the call.
        unsafe {
            syscall::register(
                self.raw(),
                register::RING_FDS,
                std::ptr::from_mut(&mut update).cast(),
                1,
            )
        }?;
        self.registered = Some(update.offset);
        Ok(())
    }

    /// Free entries of the submission queue.
    #[inline]
    pub fn space(&self) -> usize {
        self.shared.setup.entries as usize - self.pending()
    }

    /// Entries that the kernel has not taken yet.
    #[inline]
    pub fn pending(&self) -> usize {
        // SAFETY: this is the ring's only `Submitter`: nobody else produces, and the length is only
        // read.
        let queue = unsafe { self.shared.uring.submission_shared() };
        queue.len()
    }

    /// Puts an entry into the queue. The kernel sees it at the next [`enter`](Self::enter).
    ///
    /// # Safety
    ///
    /// Everything that the entry points to stays valid, unmoved and (for what the kernel writes)
    /// unread until the entry's terminal completion was taken, or for ever if it never is: closing
    /// the ring does not stop the kernel.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room; the entry was not taken.
    #[inline]
    pub unsafe fn push(&mut self, sqe: &Sqe) -> Result<(), Full> {
        // SAFETY: the only `Submitter`, borrowed exclusively: nobody else produces.
        let mut queue = unsafe { self.shared.uring.submission_shared() };
        // SAFETY: the caller's promise is the same one.
        let pushed = unsafe { queue.push(sqe.as_entry()) };
        pushed.map_err(|_| Full)
    }

    /// Submits what is queued and waits as told, in one system call. Returns how many entries the
    /// kernel took; the end of a wait by its timeout is no error.
    ///
    /// Whatever it returns, entries that the kernel took belong to it:
    /// [`pending`](Self::pending) says what it has not taken.
    ///
    /// # Errors
    ///
    /// Those of `io_uring_enter(2)`: `EINTR`, `EAGAIN` and `EBUSY` ask to reap and try again,
    /// `EBADR` says that completions were lost.
    pub fn enter(&mut self, want: u32, wait: Wait) -> io::Result<u32> {
        let to_submit = self.pending() as u32;
        let mut flags = self.no_iowait;
        let (want, timeout) = match wait {
            Wait::No => (want, None),
            Wait::Reap => (0, None),
            Wait::Until(time) => (want.max(1), Some(time)),
            Wait::Forever => (want.max(1), None),
        };
        if want > 0 || wait == Wait::Reap || self.cq_overflow() {
            flags |= enter_flags::GETEVENTS;
        }
        if self.shared.setup.sqpoll {
            flags |= self.wake_poller();
        }
        let (fd, flags) = match self.registered {
            Some(index) => (index as RawFd, flags | enter_flags::REGISTERED_RING),
            None => (self.raw(), flags),
        };
        match syscall::enter(fd, to_submit, want, flags, timeout) {
            Err(e) if e.raw_os_error() == Some(libc::ETIME) => Ok(0),
            result => result,
        }
    }

    /// Whether the kernel holds completions back until the next enter with `GETEVENTS`
    /// (`IORING_SQ_TASKRUN`).
    #[inline]
    pub fn taskrun_pending(&self) -> bool {
        // SAFETY: as in `pending`; only a flag is read.
        let queue = unsafe { self.shared.uring.submission_shared() };
        queue.taskrun()
    }

    /// Whether the kernel keeps completions that found no room (`IORING_SQ_CQ_OVERFLOW`).
    #[inline]
    pub fn cq_overflow(&self) -> bool {
        // SAFETY: as in `pending`; only a flag is read.
        let queue = unsafe { self.shared.uring.submission_shared() };
        queue.cq_overflow()
    }

    /// Registers a ring of `entries` provided buffers of `buf_bytes` each as group `group`
    /// (`io_uring_register_buf_ring(3)`, Linux 5.19).
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `entries` is no power of two up to 32768 or `buf_bytes` is 0; else those
    /// of the kernel.
    pub fn register_buf_ring(
        &mut self,
        group: u16,
        entries: u16,
        buf_bytes: u32,
    ) -> io::Result<BufRing> {
        BufRing::register(Arc::clone(&self.shared), group, entries, buf_bytes)
    }

    /// Registers files, to be named by their index with `FIXED_FILE`. The kernel keeps them open.
    ///
    /// # Errors
    ///
    /// Those of the kernel (`io_uring_register(2)`).
    pub fn register_files(&mut self, files: &[BorrowedFd<'_>]) -> io::Result<()> {
        let fds: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
        self.shared.uring.submitter().register_files(&fds)
    }

    /// Registers a table of `slots` empty places for files.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn register_files_sparse(&mut self, slots: u32) -> io::Result<()> {
        self.shared.uring.submitter().register_files_sparse(slots)
    }

    /// Replaces registered files from `first` on; `None` empties a place.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn update_files(
        &mut self,
        first: u32,
        files: &[Option<BorrowedFd<'_>>],
    ) -> io::Result<usize> {
        let fds: Vec<RawFd> = files
            .iter()
            .map(|f| f.map_or(-1, |f| f.as_raw_fd()))
            .collect();
        self.shared
            .uring
            .submitter()
            .register_files_update(first, &fds)
    }

    /// Forgets the registered files.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn unregister_files(&mut self) -> io::Result<()> {
        self.shared.uring.submitter().unregister_files()
    }

    /// Registers memory for `READ_FIXED` and `WRITE_FIXED`: pointer and length in bytes of each.
    ///
    /// # Safety
    ///
    /// The memory stays mapped until [`unregister_buffers`](Self::unregister_buffers) has returned
    /// and every operation that names it has completed, or for ever.
    ///
    /// # Errors
    ///
    /// Those of the kernel; `ENOMEM` if `RLIMIT_MEMLOCK` is reached.
    pub unsafe fn register_buffers(&mut self, buffers: &[(*mut u8, usize)]) -> io::Result<()> {
        let iovecs: Vec<libc::iovec> = buffers
            .iter()
            .map(|&(base, len)| libc::iovec {
                iov_base: base.cast(),
                iov_len: len,
            })
            .collect();
        // SAFETY: the caller promises that the memory stays; the list itself is read in the call.
        unsafe { self.shared.uring.submitter().register_buffers(&iovecs) }
    }

    /// Forgets the registered buffers.
    ///
    /// # Errors
    ///
    /// Those of the kernel.
    pub fn unregister_buffers(&mut self) -> io::Result<()> {
        self.shared.uring.submitter().unregister_buffers()
    }

    /// Caps the kernel's worker threads for this ring's thread: `bounded` for files, `unbounded`
    /// for the rest; 0 leaves a cap as it is. Returns the caps before.
    ///
    /// # Errors
    ///
    /// Those of the kernel (Linux 5.15).
    pub fn set_iowq_max_workers(&mut self, bounded: u32, unbounded: u32) -> io::Result<(u32, u32)> {
        let mut max = [bounded, unbounded];
        self.shared
            .uring
            .submitter()
            .register_iowq_max_workers(&mut max)?;
        Ok((max[0], max[1]))
    }

    /// `IORING_ENTER_SQ_WAKEUP` if the kernel's polling thread sleeps.
    fn wake_poller(&self) -> u32 {
        // SAFETY: as in `pending`; only a flag is read.
        let queue = unsafe { self.shared.uring.submission_shared() };
        if queue.need_wakeup() {
            enter_flags::SQ_WAKEUP
        } else {
            0
        }
    }

    fn raw(&self) -> RawFd {
        self.shared.uring.as_raw_fd()
    }
}

impl Drop for Submitter {
    fn drop(&mut self) {
        if let Some(index) = self.registered {
            let mut update = FdUpdate {
                offset: index,
                reserved: 0,
                data: 0,
            };
            // SAFETY: UNREGISTER_RING_FDS reads one `struct io_uring_rsrc_update` during the call.
            let _the_thread_has_ended = unsafe {
                syscall::register(
                    self.raw(),
                    register::UNREGISTER_RING_FDS,
                    std::ptr::from_mut(&mut update).cast(),
                    1,
                )
            };
        }
    }
}

impl fmt::Debug for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitter")
            .field("pending", &self.pending())
            .field("space", &self.space())
            .finish_non_exhaustive()
    }
}

/// `struct io_uring_rsrc_update`.
#[repr(C)]
struct FdUpdate {
    offset: u32,
    reserved: u32,
    data: u64,
}
