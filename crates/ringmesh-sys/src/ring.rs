//! A ring in one piece.

use std::{
    fmt, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    sync::Arc,
};

use io_uring::IoUring;

use crate::{Completer, Setup, Submitter};

/// An io_uring instance that was just set up.
///
/// Made by [`RingOptions::build`](crate::RingOptions::build), split into its working halves by [`split`](Self::split).
/// The ring closes when the last of [`Submitter`], [`Completer`], [`RingFd`] and [`BufRing`](crate::BufRing) is gone.
///
/// Closing is not a barrier: the kernel may still write to memory of operations that had not completed. Cancel and reap
/// them first, or leak the memory.
pub struct Ring {
    shared: Arc<Shared>,
}

impl Ring {
    pub(crate) fn new(uring: IoUring, setup: Setup) -> Self {
        Self {
            shared: Arc::new(Shared { uring, setup }),
        }
    }

    /// What the kernel granted.
    pub fn setup(&self) -> &Setup {
        &self.shared.setup
    }

    /// Enables a ring that was made [`disabled`](crate::RingOptions::disabled), and with it makes the calling thread the
    /// owner. For a ring that was not, it does nothing.
    ///
    /// # Errors
    ///
    /// `EBADFD` if it was enabled already.
    pub fn enable(&self) -> io::Result<()> {
        match self.shared.setup.disabled {
            true => self.shared.uring.submitter().register_enable_rings(),
            false => Ok(()),
        }
    }

    pub(crate) fn has_no_iowait(&self) -> bool {
        self.shared.uring.params().is_feature_no_iowait()
    }

    /// The halves that submit and complete.
    pub fn split(self) -> (Submitter, Completer) {
        (
            Submitter::new(Arc::clone(&self.shared)),
            Completer::new(self.shared),
        )
    }

    /// A handle that keeps the descriptor open, for others to send messages to.
    pub fn fd_handle(&self) -> RingFd {
        RingFd::new(Arc::clone(&self.shared))
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.as_fd()
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("fd", &self.as_fd())
            .field("setup", &self.shared.setup)
            .finish()
    }
}

/// Keeps a ring's descriptor open and thus its number from being re-used.
///
/// Hold one for every ring that you send messages to: a message goes by number, and one to a number that was closed and
/// re-used reaches a stranger and reports success.
#[derive(Clone)]
pub struct RingFd {
    shared: Arc<Shared>,
}

impl RingFd {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl AsFd for RingFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.as_fd()
    }
}

impl fmt::Debug for RingFd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RingFd")
            .field(&self.as_fd().as_raw_fd())
            .finish()
    }
}

/// What the halves share: the mapped queues and the descriptor, which close with the last holder.
pub(crate) struct Shared {
    pub(crate) uring: IoUring,
    pub(crate) setup: Setup,
}

impl AsRawFd for Shared {
    fn as_raw_fd(&self) -> RawFd {
        self.uring.as_raw_fd()
    }
}

impl AsFd for Shared {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the ring owns the descriptor and keeps it open as long as it lives, which the borrow of `self` ensures.
        unsafe { BorrowedFd::borrow_raw(self.uring.as_raw_fd()) }
    }
}
