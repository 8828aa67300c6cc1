//! A submission queue entry as a plain value.

use std::os::fd::RawFd;

use io_uring::squeue::Entry;

use crate::{opcode, sqe_flags};

/// A submission queue entry: what the kernel is asked to do.
///
/// The fields are those of `struct io_uring_sqe` (io_uring_enter(2)), one name for each union. All zeroes is a NOP, so
/// an operation names what it sets and takes the rest from [`Sqe::default`]:
///
/// ```
/// use ringmesh_sys::{Sqe, opcode};
///
/// let mut byte = [0u8; 1];
/// let read = Sqe { opcode: opcode::READ, fd: 0, addr: byte.as_mut_ptr() as u64, len: 1, ..Sqe::default() };
/// ```
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[doc(alias = "io_uring_sqe")]
pub struct Sqe {
    /// What to do: [`opcode`](crate::opcode).
    pub opcode: u8,
    /// How to treat this entry: [`sqe_flags`](crate::sqe_flags).
    pub flags: u8,
    /// I/O priority; for some operations flags of their own (`IORING_ACCEPT_MULTISHOT`, `IORING_RECV_MULTISHOT`).
    pub ioprio: u16,
    /// The descriptor to work on.
    pub fd: i32,
    /// `off`, `addr2`: mostly the offset in the file.
    pub off: u64,
    /// `addr`, `splice_off_in`: mostly the address of the buffer.
    pub addr: u64,
    /// `len`: mostly the buffer's length.
    pub len: u32,
    /// `rw_flags`, `msg_flags`, `open_flags`, `poll32_events`, ...: flags of the operation.
    pub op_flags: u32,
    /// Comes back in the CQE.
    pub user_data: u64,
    /// `buf_index`, `buf_group`: a registered buffer, or the group to choose one from.
    pub buf_index: u16,
    /// A registered personality, or 0.
    pub personality: u16,
    /// `splice_fd_in`, `file_index`, `addr_len`.
    pub splice_fd_in: i32,
    /// `addr3` and others.
    pub addr3: u64,
    /// Must be zero for most operations.
    pub pad: u64,
}

const _: () = assert!(size_of::<Sqe>() == 64 && size_of::<Sqe>() == size_of::<Entry>());
const _: () = assert!(align_of::<Sqe>() == align_of::<Entry>());

impl Sqe {
    /// Sets what comes back in the CQE.
    #[must_use]
    pub fn with_user_data(mut self, user_data: u64) -> Self {
        self.user_data = user_data;
        self
    }

    /// Adds flags to those that are set.
    #[must_use]
    pub fn with_flags(mut self, flags: u8) -> Self {
        self.flags |= flags;
        self
    }

    /// A message to another ring: `target` gets a CQE with `user_data` and `result`, and this ring gets a CQE only if
    /// that failed.
    ///
    /// The target goes by number and at submission: keep its [`RingFd`](crate::RingFd) alive until then, or the message
    /// reaches a stranger.
    #[doc(alias = "IORING_OP_MSG_RING")]
    #[doc(alias = "IORING_MSG_DATA")]
    #[must_use]
    pub fn msg_ring(target: RawFd, user_data: u64, result: u32) -> Self {
        // MSG_RING_CQE_SKIP is for descriptors only (EINVAL with data): the sender's flag suppresses its own success.
        Self {
            opcode: opcode::MSG_RING,
            flags: sqe_flags::CQE_SKIP_SUCCESS,
            fd: target,
            off: user_data,
            len: result,
            ..Self::default()
        }
    }

    /// The same bytes as the io-uring crate's type.
    pub(crate) fn as_entry(&self) -> &Entry {
        let entry: *const Entry = std::ptr::from_ref(self).cast();
        // SAFETY: both are the kernel's 64-byte `struct io_uring_sqe` (size and alignment are asserted above, the field
        // offsets in tests/layout.rs), plain integers without padding, so each bit pattern of one is one of the other.
        // The lifetime is that of `self`.
        unsafe { &*entry }
    }
}
