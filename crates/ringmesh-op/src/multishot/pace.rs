//! How soon a request that ended may be armed again.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use ringmesh_sched::time::{Sleep, sleep};

use super::channel::Rest;

/// First and longest wait when descriptors or memory are short (P11).
const SHORT_MIN: Duration = Duration::from_millis(1);
const SHORT_MAX: Duration = Duration::from_secs(1);
/// Between armings that bring nothing: no more than 100 a second (P11).
const BARREN: Duration = Duration::from_millis(10);

/// The waits of one stream.
#[derive(Debug)]
pub(super) struct Pace {
    sleep: Option<Sleep>,
    /// The last wait for a short resource; zero when there was none since the last item.
    short: Duration,
    /// Armings in a row that brought nothing.
    barren: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            sleep: None,
            short: Duration::ZERO,
            barren: false,
        }
    }

    /// An item came: whatever was short is there again.
    pub(super) fn reset(&mut self) {
        self.short = Duration::ZERO;
        self.barren = false;
    }

    /// Waits as long as `rest` asks for.
    pub(super) fn poll_wait<P>(&mut self, rest: &Rest<P>, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleep.is_none() {
            let wait = self.next_wait(rest);
            if wait.is_zero() {
                return Poll::Ready(());
            }
            self.sleep = Some(sleep(wait));
        }
        let slept = self
            .sleep
            .as_mut()
            .map_or(Poll::Ready(()), |sleep| Pin::new(sleep).poll(cx));
        if slept.is_ready() {
            self.sleep = None;
        }
        slept
    }

    fn next_wait<P>(&mut self, rest: &Rest<P>) -> Duration {
        if rest.short {
            self.short = (self.short * 2).clamp(SHORT_MIN, SHORT_MAX);
            return self.short;
        }
        // The first barren arming in a row is bad luck, an overflow for instance; the second is a pattern.
        let pattern = std::mem::replace(&mut self.barren, rest.barren) && rest.barren;
        if pattern { BARREN } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(short: bool, barren: bool) -> Rest<()> {
        Rest {
            barren,
            short,
            starved: None,
        }
    }

    #[test]
    fn a_short_resource_backs_off_to_a_second_and_an_item_resets_it() {
        let mut pace = Pace::new();
        let waits: Vec<u128> = (0..12)
            .map(|_| pace.next_wait(&rest(true, false)).as_millis())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 1000]);
        pace.reset();
        assert_eq!(pace.next_wait(&rest(true, false)), SHORT_MIN);
    }

    #[test]
    fn barren_armings_are_never_more_than_a_hundred_a_second() {
        let mut pace = Pace::new();
        assert_eq!(pace.next_wait(&rest(false, true)), Duration::ZERO);
        assert_eq!(pace.next_wait(&rest(false, true)), BARREN);
        assert_eq!(pace.next_wait(&rest(false, true)), BARREN);
        pace.reset();
        assert_eq!(pace.next_wait(&rest(false, false)), Duration::ZERO);
    }
}
