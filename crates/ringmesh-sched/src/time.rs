//! Sleeping, deadlines and ticks.
//!
//! A timer lives in the wheel of the shard that armed it: nanosecond deadlines, arming and cancelling in
//! constant time, and it never fires early. The shard waits for its earliest deadline as the timeout of
//! its parking system call; there is no timer operation in the kernel. Lateness is the cost of a wake
//! (some 20 us) or the time that the shard's current poll still takes, whichever is longer.
//!
//! A [`Sleep`] may move: polled, reset or dropped on another shard, it tells its home by one entry in
//! that shard's inbox. Polled on a thread that is no shard, it is armed on a shard of the current
//! runtime.

mod interval;
mod sleep;
mod timeout;
mod timer;
mod wheel;

pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};

pub(crate) use timer::Timer;
pub(crate) use wheel::Wheel;

use std::time::{Duration, Instant};

use crate::context;

/// The time by the current driver's clock, or the system's where there is none.
pub(crate) fn now() -> Instant {
    context::with_shard(|shard| shard.now()).unwrap_or_else(Instant::now)
}

/// `start + duration`, or a time that nobody lives to see.
pub(crate) fn later(start: Instant, duration: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    start.checked_add(duration).unwrap_or_else(|| start + FAR)
}
