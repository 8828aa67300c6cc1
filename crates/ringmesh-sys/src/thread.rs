//! Settings and facts of the calling thread.

use std::{
    cell::Cell,
    io,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Lets the kernel be late by at most this much when it ends a timed wait of this thread
/// (`PR_SET_TIMERSLACK`; the default is 50 us).
///
/// # Errors
///
/// Those of `prctl(2)`.
pub fn set_timer_slack(slack: Duration) -> io::Result<()> {
    let nanos = u64::try_from(slack.as_nanos()).unwrap_or(u64::MAX).max(1);
    // SAFETY: PR_SET_TIMERSLACK takes a number.
    let result = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanos) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Tells the running threads apart, in a nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ThreadTag(u64);

impl ThreadTag {
    #[inline]
    pub(crate) fn current() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        thread_local!(static TAG: Cell<u64> = const { Cell::new(0) });
        TAG.with(|tag| {
            if tag.get() == 0 {
                tag.set(NEXT.fetch_add(1, Ordering::Relaxed) + 1);
            }
            Self(tag.get())
        })
    }
}

/// CPU time that the calling thread has used, user and system.
pub fn cpu_time() -> Duration {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

pub(crate) fn clock(id: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec, on this stack. The CPU-time clocks always exist.
    unsafe { libc::clock_gettime(id, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
