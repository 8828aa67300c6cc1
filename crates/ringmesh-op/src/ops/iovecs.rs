//! The scatter lists that the kernel reads: iovec arrays, and the msghdr around one.

use std::fmt;

use ringmesh_buf::{IoVecBuf, IoVecBufMut};

/// The most parts the kernel takes in one call (`UIO_MAXIOV`).
pub(crate) const PARTS_MAX: usize = libc::UIO_MAXIOV as usize;

/// An iovec array for the kernel. Its heap block does not move when the list does.
#[derive(Default)]
pub(crate) struct IoVecs(Vec<libc::iovec>);

// SAFETY: the pointers are only ever dereferenced by the kernel, for the op that owns both this list and the buffers
// it points into; the buffers are Send.
unsafe impl Send for IoVecs {}

impl IoVecs {
    /// An empty list.
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// The initialised parts of `bufs`, without the empty ones, the first [`PARTS_MAX`] of them.
    pub(crate) fn of(bufs: &impl IoVecBuf) -> Self {
        let mut iovecs = Self::new();
        bufs.parts(&mut |ptr, len| iovecs.push(ptr.cast_mut(), len));
        iovecs
    }

    /// The room in the parts of `bufs`, without the empty ones, the first [`PARTS_MAX`] of them.
    pub(crate) fn of_room(bufs: &mut impl IoVecBufMut) -> Self {
        let mut iovecs = Self::new();
        bufs.parts_mut(&mut |ptr, len| iovecs.push(ptr, len));
        iovecs
    }

    /// Appends a part, unless it is empty or the list is full.
    ///
    /// A list that stops at the kernel's limit makes the op short, which every caller of a vectored op expects.
    pub(crate) fn push(&mut self, base: *mut u8, len: usize) {
        if len > 0 && self.0.len() < PARTS_MAX {
            self.0.push(libc::iovec {
                iov_base: base.cast(),
                iov_len: len,
            });
        }
    }

    /// The list's address, as an SQE holds it.
    pub(crate) fn addr(&self) -> u64 {
        self.0.as_ptr() as u64
    }

    /// How many parts.
    pub(crate) fn count(&self) -> u32 {
        self.0.len() as u32
    }
}

impl fmt::Debug for IoVecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IoVecs").field(&self.0.len()).finish()
    }
}

/// A msghdr for the kernel.
pub(crate) struct MsgHdr(libc::msghdr);

// SAFETY: as for IoVecs: the pointers are the kernel's to follow, and what they point at belongs to the same op.
unsafe impl Send for MsgHdr {}

impl MsgHdr {
    /// All zero: no name, no parts, no control data.
    pub(crate) fn new() -> Self {
        // SAFETY: a msghdr is plain data, for which all zeroes are null pointers and zero lengths.
        Self(unsafe { std::mem::zeroed() })
    }

    /// Points it at the parts. They stay where they are until the terminal CQE.
    pub(crate) fn set_parts(&mut self, iovecs: &mut IoVecs) {
        self.0.msg_iov = iovecs.0.as_mut_ptr();
        self.0.msg_iovlen = iovecs.0.len() as _;
    }

    /// Points it at an address to send to, or at room for one.
    pub(crate) fn set_name(&mut self, name: *mut libc::c_void, len: libc::socklen_t) {
        self.0.msg_name = name;
        self.0.msg_namelen = len;
    }

    /// The length of the address that the kernel wrote.
    pub(crate) fn name_len(&self) -> libc::socklen_t {
        self.0.msg_namelen
    }

    /// The `MSG_*` flags that the kernel wrote.
    pub(crate) fn flags(&self) -> libc::c_int {
        self.0.msg_flags
    }

    /// The header's address, as an SQE holds it; for reading or writing by the kernel.
    pub(crate) fn addr(&mut self) -> u64 {
        &raw mut self.0 as u64
    }
}

impl fmt::Debug for MsgHdr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MsgHdr")
            .field("parts", &self.0.msg_iovlen)
            .field("name_len", &self.0.msg_namelen)
            .finish()
    }
}
