//! `eventfd(2)`: a counter that can be waited for.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// A counter that wakes who polls it. Non-blocking, close-on-exec.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// A counter at 0.
    ///
    /// # Errors
    ///
    /// Those of `eventfd(2)`: no free descriptor or memory.
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no memory of ours.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a descriptor that was just made and that nobody else knows.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Adds one, from any thread and from signal handlers. A counter at its maximum stays there:
    /// who polls it is awake.
    pub fn signal(&self) {
        signal_raw(self.0.as_raw_fd());
    }

    /// Takes the count; 0 if nobody signalled.
    pub fn take(&self) -> u64 {
        let mut count = 0u64;
        // SAFETY: reads 8 bytes into a `u64` on this stack.
        let n = unsafe { libc::read(self.0.as_raw_fd(), std::ptr::from_mut(&mut count).cast(), 8) };
        if n == 8 { count } else { 0 }
    }
}

/// Adds one to the eventfd of this number. Async-signal-safe, but for errno, which it may change.
pub(crate) fn signal_raw(fd: i32) {
    let one = 1u64;
    // SAFETY: writes 8 bytes from a `u64` on this stack. The only error a live eventfd gives is
    // EAGAIN at the maximum.
    let _full = unsafe { libc::write(fd, std::ptr::from_ref(&one).cast(), 8) };
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::EventFd;

    #[test]
    fn counts_signals_and_starts_anew() {
        let e = EventFd::new().unwrap();
        assert_eq!(e.take(), 0);
        e.signal();
        e.signal();
        assert_eq!((e.take(), e.take()), (2, 0));
    }
}
