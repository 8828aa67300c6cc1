//! Descriptors that close when the last op on them is done, and cancel their ops when the last user is gone.
//!
//! "The slot holds the descriptor" and "the last handle cancels" cannot be one reference count: an armed recv would keep
//! the count up, the last drop would never come, and the peer would wait for ever. So there are two:
//!
//! ```text
//!  users ──▶ SharedFd ═ Arc<Handle> ──▶ FdRef ═ Arc<Inner> ◀── ops in flight
//!              last one dropped:                 last one dropped:
//!              cancel the ops on this fd,        close
//!              on every ring that has any
//! ```
//!
//! 1. An op takes an [`FdRef`] when it is made; right before its push the ring's bit is set in the descriptor's mask.
//! 2. The last [`SharedFd`] marks the descriptor as closing and then reads the mask; a push sets its bit and then looks at
//!    the mark, and does not happen if it is there. One of the two sees the other, see `rings`.
//! 3. The cancel by descriptor goes to the current ring at once, to others through their shards' inboxes. It holds an
//!    [`FdRef`] itself, so that the number cannot be re-used before the kernel has read it.
//! 4. The last [`FdRef`] closes: sockets by `close(2)` on the spot (cheaper than through the ring), files by the ring
//!    of the current shard, because closing a file may wait for a disk.
//!
//! The kernel's cancel by descriptor matches the open file, not the number: of two [`SharedFd`]s made from a descriptor and its
//! `dup`, each cancels the other's ops too. Clone the `SharedFd` instead.
//!
//! Ops on **files** always finish by themselves. Dropping the last handle of a file leaves them alone: a write that was
//! given to the kernel is written.

use std::{
    fmt,
    mem::ManuallyDrop,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{driver, rings::Rings};

/// A descriptor that its users share. Clone it freely; it is an `Arc`, never a `dup(2)`.
#[derive(Clone)]
pub struct SharedFd(Arc<Handle>);

/// What an op holds on to while the kernel may use the descriptor.
#[derive(Clone)]
pub struct FdRef(Arc<Inner>);

/// What a descriptor is, as far as closing it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdKind {
    /// Its ops may wait for a peer for ever: the last handle cancels them. Closed by `close(2)` where it is dropped.
    Socket,
    /// Its ops always finish: the last handle leaves them alone. Closed by the ring if dropped on a shard.
    File,
}

struct Handle {
    fd: FdRef,
}

struct Inner {
    /// Taken by `Drop` or `try_into_owned` only.
    fd: ManuallyDrop<OwnedFd>,
    kind: FdKind,
    close_on_ring: AtomicBool,
    rings: Rings,
}

impl SharedFd {
    /// A socket, pipe or anything else whose ops may wait for a peer.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Self {
        Self::with_kind(fd, FdKind::Socket)
    }

    /// A descriptor of the given kind.
    #[must_use]
    pub fn with_kind(fd: OwnedFd, kind: FdKind) -> Self {
        let inner = Inner {
            fd: ManuallyDrop::new(fd),
            kind,
            close_on_ring: AtomicBool::new(kind == FdKind::File),
            rings: Rings::new(),
        };
        Self(Arc::new(Handle {
            fd: FdRef(Arc::new(inner)),
        }))
    }

    /// What an op holds.
    #[must_use]
    pub fn inner(&self) -> FdRef {
        self.0.fd.clone()
    }

    /// Closes by the ring from now on (where the drop happens on a shard): for sockets whose `close(2)` may block, as it
    /// does with `SO_LINGER`.
    pub fn close_on_ring(&self, yes: bool) {
        // Relaxed: read by the last drop, which the reference count orders after this.
        self.0.fd.0.close_on_ring.store(yes, Ordering::Relaxed);
    }

    /// Takes the descriptor out.
    ///
    /// # Errors
    ///
    /// Gives itself back while another handle or an op holds the descriptor.
    pub fn try_into_owned(self) -> Result<OwnedFd, Self> {
        let handle = Arc::try_unwrap(self.0).map_err(Self)?;
        let fd = handle.disarm();
        match Arc::try_unwrap(fd.0) {
            Ok(inner) => Ok(inner.disarm()),
            Err(inner) => Err(Self(Arc::new(Handle { fd: FdRef(inner) }))),
        }
    }
}

impl FdRef {
    /// The descriptor's number, valid as long as this value lives.
    #[must_use]
    pub fn raw(&self) -> RawFd {
        self.0.fd.as_raw_fd()
    }

    /// Says, on the ring's thread and right before the push, that `ring` gets an op on this descriptor. `false`: the last
    /// handle is gone, the op must not be pushed.
    #[must_use]
    pub(crate) fn mark_ring(&self, ring: u32) -> bool {
        self.0.rings.mark(ring)
    }

    /// Whether the last handle is gone, so that `ECANCELED` is no surprise.
    pub(crate) fn is_closing(&self) -> bool {
        self.0.rings.is_closing()
    }

    /// Whether anything else holds the descriptor.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl Handle {
    /// Takes the inner descriptor without the drop's cancel.
    fn disarm(self) -> FdRef {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, so the value has one owner.
        unsafe { std::ptr::read(&raw const this.fd) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.fd.0.kind == FdKind::File || !self.fd.is_shared() {
            return;
        }
        self.fd.0.rings.close();
        driver::cancel_fd(&self.fd, |ring| self.fd.0.rings.has(ring));
    }
}

impl Inner {
    /// Takes the descriptor without the drop's close.
    fn disarm(self) -> OwnedFd {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: `this` is never used or dropped again, and everything else in it needs no drop.
        unsafe { ManuallyDrop::take(&mut this.fd) }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: this is the drop, and `disarm`, the only other place that takes it, prevents it.
        let fd = unsafe { ManuallyDrop::take(&mut self.fd) };
        if *self.close_on_ring.get_mut() {
            driver::close(fd);
        }
    }
}

impl AsFd for SharedFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

impl AsRawFd for SharedFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.fd.raw()
    }
}

impl From<OwnedFd> for SharedFd {
    fn from(fd: OwnedFd) -> Self {
        Self::new(fd)
    }
}

impl fmt::Debug for SharedFd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedFd").field(&self.0.fd.raw()).finish()
    }
}

impl AsFd for FdRef {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

impl AsRawFd for FdRef {
    fn as_raw_fd(&self) -> RawFd {
        self.raw()
    }
}

impl fmt::Debug for FdRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FdRef").field(&self.raw()).finish()
    }
}
