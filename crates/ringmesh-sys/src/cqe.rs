//! A completion queue entry as a plain value.

use std::io;

/// The upper 16 bits of the flags are a buffer id.
#[doc(alias = "IORING_CQE_F_BUFFER")]
pub const CQE_F_BUFFER: u32 = 1 << 0;
/// More completions of the same SQE will follow; without it this one is terminal.
#[doc(alias = "IORING_CQE_F_MORE")]
pub const CQE_F_MORE: u32 = 1 << 1;
/// The socket had more data after this receive.
#[doc(alias = "IORING_CQE_F_SOCK_NONEMPTY")]
pub const CQE_F_SOCK_NONEMPTY: u32 = 1 << 2;
/// The kernel no longer uses the memory of a zero-copy send.
#[doc(alias = "IORING_CQE_F_NOTIF")]
pub const CQE_F_NOTIF: u32 = 1 << 3;
/// The buffer was used only in part and will be used further.
#[doc(alias = "IORING_CQE_F_BUF_MORE")]
pub const CQE_F_BUF_MORE: u32 = 1 << 4;

/// Where the buffer id lies in the flags.
const BUFFER_SHIFT: u32 = 16;

/// A completion queue entry: what came of an SQE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "io_uring_cqe")]
pub struct Cqe {
    /// What the SQE carried.
    pub user_data: u64,
    /// What the system call would have returned: a count, a descriptor, 0, or a negative errno.
    pub result: i32,
    /// `CQE_F_*`.
    pub flags: u32,
}

impl Cqe {
    /// Whether more completions of the same SQE will follow.
    pub fn has_more(&self) -> bool {
        self.flags & CQE_F_MORE != 0
    }

    /// The provided buffer that was used.
    pub fn buffer_id(&self) -> Option<u16> {
        (self.flags & CQE_F_BUFFER != 0).then_some((self.flags >> BUFFER_SHIFT) as u16)
    }

    /// Whether this says that a zero-copy send's memory is free again.
    pub fn is_notif(&self) -> bool {
        self.flags & CQE_F_NOTIF != 0
    }

    /// Whether the socket had more data after this receive.
    pub fn sock_nonempty(&self) -> bool {
        self.flags & CQE_F_SOCK_NONEMPTY != 0
    }

    /// The result with errors told apart.
    pub fn io_result(&self) -> io::Result<u32> {
        u32::try_from(self.result)
            .map_err(|_| io::Error::from_raw_os_error(self.result.wrapping_neg()))
    }
}
