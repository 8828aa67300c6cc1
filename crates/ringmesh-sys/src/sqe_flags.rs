//! Flags of a single SQE, `IOSQE_*` of linux/io_uring.h without their prefix.

/// `fd` is an index into the registered files.
#[doc(alias = "IOSQE_FIXED_FILE")]
pub const FIXED_FILE: u8 = 1 << 0;
/// Start when everything submitted before has completed, and let nothing later start before.
#[doc(alias = "IOSQE_IO_DRAIN")]
pub const IO_DRAIN: u8 = 1 << 1;
/// The next SQE starts when this one has succeeded; a failure or short result cancels the rest of the chain.
#[doc(alias = "IOSQE_IO_LINK")]
pub const IO_LINK: u8 = 1 << 2;
/// The next SQE starts when this one has completed, however.
#[doc(alias = "IOSQE_IO_HARDLINK")]
pub const IO_HARDLINK: u8 = 1 << 3;
/// Do not try without blocking first: straight to a worker thread.
#[doc(alias = "IOSQE_ASYNC")]
pub const ASYNC: u8 = 1 << 4;
/// The kernel takes the buffer from the group `buf_index`.
#[doc(alias = "IOSQE_BUFFER_SELECT")]
pub const BUFFER_SELECT: u8 = 1 << 5;
/// No completion if it succeeds.
#[doc(alias = "IOSQE_CQE_SKIP_SUCCESS")]
pub const CQE_SKIP_SUCCESS: u8 = 1 << 6;
