//! Facts about this process.

use std::time::Duration;

/// CPU time that the process has used, user and system, of all its threads.
pub fn cpu_time() -> Duration {
    crate::thread::clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}
