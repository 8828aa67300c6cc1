//! The owner's side of a ring: the submission queue and every system call.

use std::{
    cell::Cell,
    fmt, io,
    marker::PhantomData,
    mem::ManuallyDrop,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    sync::Arc,
    time::Duration,
};

use io_uring::squeue::SubmissionQueue;

use crate::{
    BufRing, RingFd,
    ring::Shared,
    sqe::Sqe,
    syscall::{self, enter_flags, register},
    thread::ThreadTag,
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
    registered: Option<Registered>,
    no_iowait: u32,
    /// Not Sync: each method has the queue for itself.
    alone: PhantomData<Cell<()>>,
}

/// The ring's place in a thread's table of registered rings.
#[derive(Clone, Copy)]
struct Registered {
    index: u32,
    /// The index means another ring, or none, on any other thread.
    thread: ThreadTag,
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
            alone: PhantomData,
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
    /// enter: 348 instead of 408 ns with one NOP (docs/DESIGN.md, section 2).
    ///
    /// On another thread the half goes on by the descriptor. A registration keeps the ring open:
    /// drop this half on the thread that registered, or the ring closes only when that ends.
    ///
    /// # Errors
    ///
    /// `EINVAL` before Linux 5.18, `EBUSY` if the thread has 16 rings already, `EBADFD` while the
    /// ring is disabled. The ring then goes on by its descriptor.
    #[doc(alias = "IORING_REGISTER_RING_FDS")]
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
        self.registered = Some(Registered {
            index: update.offset,
            thread: ThreadTag::current(),
        });
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
        self.peek().len()
    }

    /// Puts an entry into the queue. The kernel sees it at the next [`enter`](Self::enter).
    ///
    /// # Safety
    ///
    /// Everything that the entry points to stays valid and unmoved, and nobody else reads what the
    /// kernel writes or writes what it reads, until the entry's terminal completion was taken, or
    /// for ever if it never is: closing the ring does not stop the kernel. The same holds for the
    /// [`BufRing`] of the group that an entry with `BUFFER_SELECT` names, and for registered
    /// buffers that it names.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room; the entry was not taken.
    #[inline]
    pub unsafe fn push(&mut self, sqe: &Sqe) -> Result<(), Full> {
        // SAFETY: the only `Submitter`, borrowed exclusively: no other queue object exists.
        let mut queue = unsafe { self.shared.uring.submission_shared() };
        // SAFETY: the caller's promise is the same one.
        let pushed = unsafe { queue.push(sqe.as_entry()) };
        pushed.map_err(|_| Full)
    }

    /// Puts all of `sqes` into the queue, or none: a chain of linked entries must not be torn by
    /// an enter in its middle.
    ///
    /// # Safety
    ///
    /// As for [`push`](Self::push), for each of them.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no room for all; none was taken.
    pub unsafe fn push_all(&mut self, sqes: &[Sqe]) -> Result<(), Full> {
        if self.space() < sqes.len() {
            return Err(Full);
        }
        for sqe in sqes {
            // SAFETY: the caller's promise, for this one.
            unsafe { self.push(sqe) }?;
        }
        Ok(())
    }

    /// Submits what is queued and waits as told, in one system call. Returns how many entries the
    /// kernel took; the end of a wait by its timeout is no error.
    ///
    /// Whatever it returns, entries that the kernel took belong to it:
    /// [`pending`](Self::pending) says what it has not taken.
    ///
    /// With `want > 0` the call returns when that many completions are in the queue, those included
    /// that were there before. A timeout of zero looks and does not sleep.
    ///
    /// # Errors
    ///
    /// Those of `io_uring_enter(2)`: `EINTR`, `EAGAIN` and `EBUSY` ask to reap and try again,
    /// `EBADR` says that completions were lost, `EEXIST` that this thread does not own the ring,
    /// `EBADFD` that the ring is disabled.
    pub fn enter(&mut self, want: u32, wait: Wait) -> io::Result<u32> {
        let to_submit = self.pending() as u32;
        let (want, timeout) = match wait {
            Wait::No => (want, None),
            Wait::Reap => (0, None),
            Wait::Until(time) => (want.max(1), Some(time)),
            Wait::Forever => (want.max(1), None),
        };
        let reap = want > 0 || wait == Wait::Reap || self.cq_overflow();
        let mut flags = self.no_iowait;
        if reap {
            flags |= enter_flags::GETEVENTS;
        }
        if self.shared.setup.sqpoll {
            // The kernel's thread submits; it needs a call only if it sleeps.
            match self.poller_sleeps() {
                true => flags |= enter_flags::SQ_WAKEUP,
                false if !reap => return Ok(to_submit),
                false => {}
            }
        }
        let (fd, flags) = match self.registered_here() {
            Some(index) => (index as RawFd, flags | enter_flags::REGISTERED_RING),
            None => (self.raw(), flags),
        };
        match syscall::enter(fd, to_submit, want, flags, timeout) {
            Err(e) if e.raw_os_error() == Some(libc::ETIME) => Ok(0),
            result => result,
        }
    }

    /// Whether the kernel holds completions back until the next enter with `GETEVENTS`.
    #[doc(alias = "IORING_SQ_TASKRUN")]
    #[inline]
    pub fn taskrun_pending(&self) -> bool {
        self.peek().taskrun()
    }

    /// Whether the kernel keeps completions that found no room in the queue. Take some, then
    /// [`enter`](Self::enter) in whatever way to get them.
    #[doc(alias = "IORING_SQ_CQ_OVERFLOW")]
    #[inline]
    pub fn cq_overflow(&self) -> bool {
        self.peek().cq_overflow()
    }

    /// Cancels the operations with this `user_data` and waits until they have completed, but no
    /// longer than `timeout`. Their completions are taken as usual. That there is none is fine.
    ///
    /// # Errors
    ///
    /// `ETIME` at the timeout, `EINVAL` before Linux 6.0.
    #[doc(alias = "IORING_REGISTER_SYNC_CANCEL")]
    pub fn sync_cancel(&mut self, user_data: u64, timeout: Option<Duration>) -> io::Result<()> {
        let which = io_uring::types::CancelBuilder::user_data(user_data).all();
        self.shared
            .uring
            .submitter()
            .register_sync_cancel(timeout.map(Into::into), which)
    }

    /// Cancels every operation on the ring and waits until all have completed, but no longer than
    /// `timeout`. Their completions are taken as usual.
    ///
    /// # Errors
    ///
    /// As [`sync_cancel`](Self::sync_cancel).
    pub fn sync_cancel_all(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let which = io_uring::types::CancelBuilder::any();
        self.shared
            .uring
            .submitter()
            .register_sync_cancel(timeout.map(Into::into), which)
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

    /// The queue for looking only: its drop, which would write the tail back, does not run.
    #[inline]
    fn peek(&self) -> ManuallyDrop<SubmissionQueue<'_>> {
        // SAFETY: queue objects are made by the methods of this one `Submitter` only, which is
        // neither Clone nor Sync. Those that push borrow it exclusively, so none is alive now;
        // others that look write nothing.
        ManuallyDrop::new(unsafe { self.shared.uring.submission_shared() })
    }

    fn poller_sleeps(&self) -> bool {
        self.peek().need_wakeup()
    }

    /// The ring's index, if it is one on this thread.
    #[inline]
    fn registered_here(&self) -> Option<u32> {
        self.registered
            .filter(|r| r.thread == ThreadTag::current())
            .map(|r| r.index)
    }

    fn raw(&self) -> RawFd {
        self.shared.uring.as_raw_fd()
    }
}

impl Drop for Submitter {
    fn drop(&mut self) {
        // On another thread the index would be another ring's.
        if let Some(index) = self.registered_here() {
            let mut update = FdUpdate {
                offset: index,
                reserved: 0,
                data: 0,
            };
            // SAFETY: UNREGISTER_RING_FDS reads one `struct io_uring_rsrc_update` during the call.
            let _at_thread_exit = unsafe {
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
