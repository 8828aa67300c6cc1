//! What the tests of the lane itself share, beside `ops.rs`.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    future::Future,
    io,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::net::UnixStream,
    },
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use ringmesh_op::{Lane, Op, OpCode, SharedFd, ops::Recv};
use ringmesh_sys::{Sqe, opcode, sqe_flags};

/// A connected pair: our end, as ops take it, and the peer's.
pub(crate) fn pair() -> (SharedFd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    (SharedFd::new(ours.into()), theirs)
}

/// A receive of up to 64 bytes.
pub(crate) fn recv(fd: &SharedFd) -> Op<Recv<Vec<u8>>> {
    Op::new(Recv::new(fd, Vec::with_capacity(64)))
}

/// Polls once, with the waker of the calling task, and says whether it is still pending.
pub(crate) async fn arm<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
}

/// Polls once with this waker.
pub(crate) fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A waker that counts its wakes.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Open descriptors of this process.
pub(crate) fn open_fds() -> usize {
    // The one that reads the directory is not counted.
    std::fs::read_dir("/proc/self/fd").expect("/proc").count() - 1
}

/// Memory whose first access waits for us (userfaultfd): a kernel worker that reads it hangs and hears no cancel.
pub(crate) struct Trap {
    page: *mut u8,
    uffd: Arc<OwnedFd>,
}

// SAFETY: the page and the descriptor belong to the value.
unsafe impl Send for Trap {}

/// What lets the worker go on.
pub(crate) struct Spring(Arc<OwnedFd>, u64);

impl Trap {
    /// Bytes of the memory.
    pub(crate) const LEN: usize = 4096;

    pub(crate) fn new() -> io::Result<Self> {
        const UFFDIO_API: u64 = 0xc018_aa3f;
        const UFFDIO_REGISTER: u64 = 0xc020_aa00;
        const MODE_MISSING: u64 = 1;
        // SAFETY: no pointers.
        let uffd =
            unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK) };
        if uffd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has just made it for us.
        let uffd = unsafe { OwnedFd::from_raw_fd(uffd as i32) };
        let mut api: [u64; 3] = [0xAA, 0, 0];
        // SAFETY: `api` is a `struct uffdio_api`.
        if unsafe { libc::ioctl(uffd.as_raw_fd(), UFFDIO_API as _, api.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a fresh private mapping, which is never unmapped.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), Self::LEN, protection, kind, -1, 0) };
        assert_ne!(page, libc::MAP_FAILED);
        let mut register: [u64; 4] = [page as u64, Self::LEN as u64, MODE_MISSING, 0];
        // SAFETY: `register` is a `struct uffdio_register`.
        if unsafe {
            libc::ioctl(
                uffd.as_raw_fd(),
                UFFDIO_REGISTER as _,
                register.as_mut_ptr(),
            )
        } != 0
        {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            page: page.cast(),
            uffd: Arc::new(uffd),
        })
    }

    pub(crate) fn spring(&self) -> Spring {
        Spring(Arc::clone(&self.uffd), self.page as u64)
    }
}

impl Spring {
    /// Whether somebody waits for the page.
    pub(crate) fn has_caught(&self) -> bool {
        let mut poll = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one pollfd.
        unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
    }

    /// Gives the page to whoever waits for it: full of zeroes.
    pub(crate) fn release(self) {
        const UFFDIO_ZEROPAGE: u64 = 0xc020_aa04;
        let mut zero: [u64; 4] = [self.1, Trap::LEN as u64, 0, 0];
        // SAFETY: `zero` is a `struct uffdio_zeropage`.
        let done =
            unsafe { libc::ioctl(self.0.as_raw_fd(), UFFDIO_ZEROPAGE as _, zero.as_mut_ptr()) };
        assert_eq!(done, 0, "{}", io::Error::last_os_error());
    }
}

/// Sends the trapped memory: by a worker, since the shard's own thread would hang.
pub(crate) fn hung_send(lane: &Lane, trap: Trap, fd: SharedFd) -> Op<impl OpCode<Output = i32>> {
    let raw = fd.as_raw_fd();
    let build = move |(trap, _): &mut (Trap, SharedFd)| Sqe {
        opcode: opcode::SEND,
        flags: sqe_flags::ASYNC,
        fd: raw,
        addr: trap.page as u64,
        len: Trap::LEN as u32,
        ..Sqe::default()
    };
    // SAFETY: the page is never unmapped, and the state owns the descriptor.
    unsafe { lane.submit_raw((trap, fd), build, |_, res| res.result) }
}
