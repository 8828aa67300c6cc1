//! What the tests of the lane itself share, beside `ops.rs`.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    future::Future,
    os::unix::net::UnixStream,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use ringmesh_op::{Op, SharedFd, ops::Recv};

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
