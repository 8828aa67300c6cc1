//! Buffers that belong to a ring, and the leases that bring them to users.
//!
//! Each ring has one group of provided buffers, registered when the first multishot receive is armed on it. The kernel
//! takes a buffer when data is there; the completion becomes a [`Lease`], and dropping the lease gives the buffer back.
//!
//! 1. *Home from anywhere.* A lease may be dropped on any thread: giving a buffer back is a write to the group's shared
//!    memory and needs no ring, so it is done on the spot, under the group's lock. No message travels.
//! 2. *Dry.* A receive that finds no buffer ends with `ENOBUFS`. Its stream says so once (a reader may use a buffer of
//!    its own meanwhile) and, polled again, leaves its waker here. The next lease that comes home wakes all of them, and
//!    their polls arm the receives again. Nothing waits for a timer, and a lease that comes home to a group where nobody
//!    waits wakes nobody.
//! 3. *Lifetime.* Each armed receive keeps the group, and so does each lease, so a lease may outlive its runtime. The ring
//!    does not: when the driver ends it [closes](Group::close) the group on its own thread, which unregisters it from the
//!    ring, and from then on there is only memory, freed with the last lease. A runtime that has to leave receives in
//!    the kernel does not close the group but leaks it with them.
//!
//! Rejected: sending leases home through the owner's inbox. It costs a note per lease, and a parked owner would have to
//! be woken to learn that its own group is no longer dry.

use std::{
    fmt, io,
    ops::Deref,
    sync::Arc,
    task::{Context, Waker},
};

use parking_lot::Mutex;
use ringmesh_buf::IoBuf;
use ringmesh_sys::{BufMemory, BufRing};

use crate::{driver, wake};

/// The group's number: a ring has one.
const GROUP: u16 = 0;
/// Buffers in a group, and the size of each: 1 MiB a shard, touched only as far as it is used. 16 KiB holds a TLS record
/// and most requests; 64 is picked.
const BUFFERS: u16 = 64;
const BUFFER_BYTES: u32 = 16 * 1024;

/// One ring's provided buffers.
pub struct Group {
    memory: Arc<BufMemory>,
    inner: Mutex<Inner>,
}

struct Inner {
    /// `None` once the group was closed.
    ring: Option<BufRing>,
    /// Streams that found no buffer, by their identity.
    starved: Vec<(usize, Waker)>,
}

impl Group {
    /// The group of this thread's ring, registered at the first call.
    pub(crate) fn current() -> io::Result<Arc<Self>> {
        driver::with_current(|uring| {
            if let Some(group) = uring.group() {
                return Ok(group);
            }
            let ring = uring
                .register(|submitter| submitter.register_buf_ring(GROUP, BUFFERS, BUFFER_BYTES))?;
            let memory = Arc::clone(ring.memory());
            let inner = Inner {
                ring: Some(ring),
                starved: Vec::new(),
            };
            let group = Arc::new(Self {
                memory,
                inner: Mutex::new(inner),
            });
            uring.set_group(Arc::clone(&group));
            Ok(group)
        })
        .unwrap_or_else(|| {
            Err(io::Error::other(
                "buffers are provided to the ring of a shard, and this thread is none",
            ))
        })
    }

    /// Unregisters the group. For the ring's own thread, when nothing on it is in flight any more.
    pub(crate) fn close(&self) {
        let (ring, starved) = {
            let mut inner = self.inner.lock();
            (inner.ring.take(), std::mem::take(&mut inner.starved))
        };
        drop(ring);
        wake_all(starved);
    }

    /// The number that SQEs name it by.
    pub(crate) fn id(&self) -> u16 {
        GROUP
    }

    /// The lease of buffer `id`, of which the kernel has written `len` bytes; `None` if that is nothing (the buffer has
    /// gone back then) or if the kernel cannot have that buffer.
    pub(crate) fn lease(self: &Arc<Self>, id: u16, len: usize) -> Option<Lease> {
        let taken = self
            .inner
            .lock()
            .ring
            .as_mut()
            .and_then(|ring| ring.take(id));
        // The lease first: its drop gives the buffer back if it is empty.
        let lease = taken.map(|_| Lease {
            group: Arc::clone(self),
            id,
            len: len.min(self.memory.buf_bytes()),
        })?;
        (lease.len > 0).then_some(lease)
    }

    /// Whether every buffer is out; the next that comes home then wakes `who`, unless it [left](Self::leave).
    pub(crate) fn starves(&self, who: usize, cx: &Context<'_>) -> bool {
        // Cloned before the lock, and the old one dropped after it: wakers are foreign code.
        let waker = cx.waker().clone();
        let mut inner = self.inner.lock();
        let dry = inner
            .ring
            .as_ref()
            .is_some_and(|ring| ring.available() == 0);
        let old = inner.leave(who);
        if dry {
            inner.starved.push((who, waker));
        }
        drop(inner);
        wake::discard(old);
        dry
    }

    /// `who` does not wait any more.
    pub(crate) fn leave(&self, who: usize) {
        let old = self.inner.lock().leave(who);
        wake::discard(old);
    }

    /// A buffer comes home.
    fn give_back(&self, id: u16) {
        let starved = {
            let mut inner = self.inner.lock();
            if let Some(ring) = &mut inner.ring {
                let was_out = ring.give_back(id);
                debug_assert!(was_out, "a lease gives its buffer back once");
            }
            std::mem::take(&mut inner.starved)
        };
        wake_all(starved);
    }
}

impl Inner {
    fn leave(&mut self, who: usize) -> Option<Waker> {
        let index = self.starved.iter().position(|(other, _)| *other == who)?;
        Some(self.starved.swap_remove(index).1)
    }
}

fn wake_all(starved: Vec<(usize, Waker)>) {
    for (_, waker) in starved {
        wake::wake(waker);
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let available = self
            .inner
            .try_lock()
            .and_then(|inner| inner.ring.as_ref().map(BufRing::available));
        f.debug_struct("Group")
            .field("id", &GROUP)
            .field("available", &available)
            .finish_non_exhaustive()
    }
}

/// Received bytes, in a buffer of the ring that received them. Dropping it gives the buffer back, on any thread.
///
/// A ring has 64 buffers of 16 KiB. A lease that is kept keeps one of them from all connections of the shard: copy what
/// has to stay.
pub struct Lease {
    group: Arc<Group>,
    id: u16,
    /// # Safety
    ///
    /// The kernel has written the buffer's first `len` bytes, and the buffer is out until this lease's drop.
    len: usize,
}

impl Deref for Lease {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `take` marked the buffer as out for this lease, and only its drop gives it back, which the borrow of
        // `self` outlasts; the kernel has written `len` bytes, as its completion said.
        unsafe { self.group.memory.bytes(self.id, 0, self.len) }
    }
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// SAFETY: the pointer stays the same for the lease's life, wherever the lease is moved, and its `len` bytes are
// initialised and written by nobody.
unsafe impl IoBuf for Lease {
    fn as_ptr(&self) -> *const u8 {
        self.as_ref().as_ptr()
    }

    fn len_init(&self) -> usize {
        self.len
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.group.give_back(self.id);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("id", &self.id)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
