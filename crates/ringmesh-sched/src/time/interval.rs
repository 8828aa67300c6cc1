//! Ticks.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use super::{Sleep, later, now};

/// Ticks at once and then every `period`.
///
/// # Panics
/// If `period` is zero.
///
/// ```
/// use std::time::Duration;
/// # use ringmesh_sched::{Builder, memory, time};
/// # Builder::new(memory::Factory::new()).shards(1).run(async {
/// let mut ticks = time::interval(Duration::from_millis(1));
/// let first = ticks.tick().await;
/// assert_eq!(ticks.tick().await, first + Duration::from_millis(1));
/// # }).unwrap();
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(now(), period)
}

/// Ticks at `start` and then every `period`.
///
/// # Panics
/// If `period` is zero.
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(
        !period.is_zero(),
        "an interval's period must be longer than zero"
    );
    Interval {
        sleep: Sleep::until(start),
        period,
        missed: MissedTickBehavior::Burst,
    }
}

/// What an [`Interval`] does about ticks that nobody was there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MissedTickBehavior {
    /// Ticks as fast as it can until it has caught up.
    #[default]
    Burst,
    /// Ticks one period after the late tick was taken, and on from there.
    Delay,
    /// Ticks at the next multiple of the period.
    Skip,
}

/// The ticks of [`interval`] and [`interval_at`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    missed: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick and returns the time at which it was due.
    ///
    /// Cancel-safe: a dropped call takes no tick away.
    pub async fn tick(&mut self) -> Instant {
        poll_fn(|cx| self.poll_tick(cx)).await
    }

    /// Polls for the next tick.
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let due = self.sleep.deadline();
        let next = self.after(due, now());
        self.sleep.reset(next);
        Poll::Ready(due)
    }

    /// What to do about missed ticks. Default: [`MissedTickBehavior::Burst`].
    pub fn set_missed_tick_behavior(&mut self, missed: MissedTickBehavior) {
        self.missed = missed;
    }

    /// What is done about missed ticks.
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.missed
    }

    /// The next tick comes one period from now.
    pub fn reset(&mut self) {
        self.sleep.reset(later(now(), self.period));
    }

    /// The next tick comes now.
    pub fn reset_immediately(&mut self) {
        self.sleep.reset(now());
    }

    /// The time between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The tick after the one that was due at `due` and taken at `now`.
    fn after(&self, due: Instant, now: Instant) -> Instant {
        let next = later(due, self.period);
        if now <= next {
            return next;
        }
        match self.missed {
            MissedTickBehavior::Burst => next,
            MissedTickBehavior::Delay => later(now, self.period),
            MissedTickBehavior::Skip => {
                let late = now.duration_since(due).as_nanos();
                let into = late % self.period.as_nanos();
                let left = self.period.as_nanos() - into;
                later(
                    now,
                    Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX)),
                )
            }
        }
    }
}
