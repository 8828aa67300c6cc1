//! The io_uring system calls that the io-uring crate does not wrap as needed here.

use std::{io, os::fd::RawFd, time::Duration};

/// Bits of `io_uring_enter`'s flags.
pub(crate) mod enter_flags {
    pub(crate) const GETEVENTS: u32 = 1 << 0;
    pub(crate) const SQ_WAKEUP: u32 = 1 << 1;
    pub(crate) const EXT_ARG: u32 = 1 << 3;
    pub(crate) const REGISTERED_RING: u32 = 1 << 4;
    pub(crate) const NO_IOWAIT: u32 = 1 << 7;
}

/// `enum io_uring_register_op`.
pub(crate) mod register {
    pub(crate) const RING_FDS: u32 = 20;
    pub(crate) const UNREGISTER_RING_FDS: u32 = 21;
    pub(crate) const PBUF_RING: u32 = 22;
    pub(crate) const UNREGISTER_PBUF_RING: u32 = 23;
    pub(crate) const SEND_MSG_RING: u32 = 31;
}

/// `struct __kernel_timespec`.
#[repr(C)]
pub(crate) struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

impl From<Duration> for Timespec {
    fn from(d: Duration) -> Self {
        let seconds = i64::try_from(d.as_secs()).unwrap_or(i64::MAX);
        Self {
            seconds,
            nanoseconds: i64::from(d.subsec_nanos()),
        }
    }
}

/// `struct io_uring_getevents_arg`.
#[repr(C)]
struct GetEvents {
    sigmask: u64,
    sigmask_size: u32,
    min_wait_us: u32,
    timeout: u64,
}

/// `io_uring_enter(2)`, with a timeout for the wait.
///
/// Submits and waits only: it reads the queues, which the kernel owns for as long as `fd` is open,
/// so it is safe for any descriptor.
pub(crate) fn enter(
    fd: RawFd,
    to_submit: u32,
    want: u32,
    flags: u32,
    timeout: Option<Duration>,
) -> io::Result<u32> {
    let result = match timeout {
        None => {
            // SAFETY: without an argument the call reads no memory of ours.
            unsafe {
                libc::syscall(
                    libc::SYS_io_uring_enter,
                    fd,
                    to_submit,
                    want,
                    flags,
                    std::ptr::null::<u8>(),
                    0usize,
                )
            }
        }
        Some(timeout) => {
            let time = Timespec::from(timeout);
            let arg = GetEvents {
                sigmask: 0,
                sigmask_size: 0,
                min_wait_us: 0,
                timeout: std::ptr::from_ref(&time) as u64,
            };
            let flags = flags | enter_flags::EXT_ARG;
            // SAFETY: `arg` and the timespec it names live on this stack until the call returns,
            // which is when the kernel is done with them; the size says which struct it is.
            unsafe {
                libc::syscall(
                    libc::SYS_io_uring_enter,
                    fd,
                    to_submit,
                    want,
                    flags,
                    std::ptr::from_ref(&arg),
                    size_of::<GetEvents>(),
                )
            }
        }
    };
    check(result)
}

/// `io_uring_register(2)`.
///
/// # Safety
///
/// `arg` must be what the man page demands for this operation: valid for as long as it says, and
/// `len` entries long.
pub(crate) unsafe fn register(fd: RawFd, op: u32, arg: *mut u8, len: u32) -> io::Result<u32> {
    // SAFETY: the caller's promise is the kernel's demand.
    let result = unsafe { libc::syscall(libc::SYS_io_uring_register, fd, op, arg, len) };
    check(result)
}

fn check(result: libc::c_long) -> io::Result<u32> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as u32)
    }
}
