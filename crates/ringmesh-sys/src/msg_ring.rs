//! A message to a ring without a ring.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use crate::{
    Sqe,
    syscall::{self, register},
};

/// What stands for "no ring" in a registration.
const NO_RING: i32 = -1;

/// Makes a completion with `user_data` and `result` on the ring `target`, from a thread that has no ring.
///
/// It wakes the target's owner where that waits in an enter. Since Linux 6.13; older kernels say `EINVAL`. A ring that is
/// still disabled is `EBADFD`. To its reader the completion looks like any other: whoever frees memory
/// on a `user_data` must not let strangers have the ring's descriptor. Success says only that the message was queued: an owner that is gone never sees it.
#[doc(alias = "IORING_REGISTER_SEND_MSG_RING")]
#[doc(alias = "io_uring_register_sync_msg")]
pub fn msg_ring_sync(target: BorrowedFd<'_>, user_data: u64, result: u32) -> io::Result<()> {
    // The sender has no CQE, so the flag that suppresses it is refused here.
    let mut sqe = Sqe {
        flags: 0,
        ..Sqe::msg_ring(target.as_raw_fd(), user_data, result)
    };
    // SAFETY: this registration takes one SQE, which the kernel reads during the call and keeps no address of.
    unsafe {
        syscall::register(
            NO_RING,
            register::SEND_MSG_RING,
            ptr::from_mut(&mut sqe).cast(),
            1,
        )
    }
    .map(drop)
}
