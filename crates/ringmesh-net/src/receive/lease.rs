//! Received bytes on loan.

use std::fmt;
use std::ops::Deref;

/// Received bytes, in one of the shard's provided buffers or in memory of their own.
///
/// What [`TcpStream::recv`](crate::TcpStream::recv) gives: derefs to `[u8]`, is never empty, and gives the
/// kernel its buffer back when it is dropped, on whichever thread. Leases are few (64 buffers of 16 KiB on a
/// shard by default): keep one while you work on its bytes, copy what you want to keep.
pub struct Lease {
    data: Data,
    at: usize,
}

enum Data {
    Ring(ringmesh_op::Lease),
    Own(Vec<u8>),
}

impl Lease {
    pub(crate) const fn ring(lease: ringmesh_op::Lease) -> Self {
        Self {
            data: Data::Ring(lease),
            at: 0,
        }
    }

    pub(crate) const fn copied(bytes: Vec<u8>) -> Self {
        Self {
            data: Data::Own(bytes),
            at: 0,
        }
    }

    /// Forgets the first `n` bytes.
    pub(crate) fn advance(&mut self, n: usize) {
        debug_assert!(n <= self.len());
        self.at += n;
    }

    /// Whether the bytes lie in a buffer that the kernel filled by itself (no copy was made).
    #[must_use]
    pub fn is_zero_copy(&self) -> bool {
        matches!(self.data, Data::Ring(_))
    }
}

impl Deref for Lease {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &self.data {
            Data::Ring(lease) => lease,
            Data::Own(bytes) => bytes,
        };
        &all[self.at..]
    }
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("len", &self.len())
            .field("zero_copy", &self.is_zero_copy())
            .finish()
    }
}
