//! Room for a peer's address.

use std::fmt;

use socket2::{SockAddr, SockAddrStorage};

/// A `sockaddr_storage` that the kernel fills, with its length beside it.
pub(crate) struct Name {
    storage: SockAddrStorage,
    len: libc::socklen_t,
}

impl Name {
    /// Empty room for any address.
    pub(crate) fn new() -> Self {
        let storage = SockAddrStorage::zeroed();
        let len = storage.size_of();
        Self { storage, len }
    }

    /// How long an address it has room for.
    pub(crate) fn capacity(&self) -> libc::socklen_t {
        self.storage.size_of()
    }

    /// Where the kernel writes the address; and where it reads how much it may write and writes how much it wrote. Both
    /// from one borrow, so that the second does not end the first.
    pub(crate) fn pointers(&mut self) -> (*mut libc::c_void, *mut libc::socklen_t) {
        self.len = self.capacity();
        ((&raw mut self.storage).cast(), &raw mut self.len)
    }

    /// The address, once the kernel has written it and its length.
    pub(crate) fn into_addr(self) -> SockAddr {
        let len = self.len;
        self.into_addr_of(len)
    }

    /// The address, once the kernel has written it and said elsewhere that it is `len` bytes long.
    pub(crate) fn into_addr_of(self, len: libc::socklen_t) -> SockAddr {
        // The kernel reports an address's full length even where it wrote less of it.
        let len = len.min(self.capacity());
        // SAFETY: the storage was zeroed and then written by the kernel only, so each of its `len` bytes (no more than
        // it has) is initialised, and what they say is the address that the kernel wrote.
        unsafe { SockAddr::new(self.storage, len) }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Name")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
