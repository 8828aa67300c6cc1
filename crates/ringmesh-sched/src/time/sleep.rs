//! Waiting until a time.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use super::{Timer, later, now, timer::Fate};
use crate::{Handle, context, core::Note, shield};

/// Waits for `duration`, and not less.
///
/// ```
/// use std::time::{Duration, Instant};
/// # use ringmesh_sched::{Builder, memory, time};
/// # Builder::new(memory::Factory::new()).shards(1).run(async {
/// let start = Instant::now();
/// time::sleep(Duration::from_millis(2)).await;
/// assert!(start.elapsed() >= Duration::from_millis(2));
/// # }).unwrap();
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new(duration)
}

/// Waits until `deadline`, and not less.
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::until(deadline)
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It does nothing until it is polled. Dropping it cancels the timer. It may be polled, reset and
/// dropped on any thread; the first poll needs a current runtime.
#[must_use = "a sleep does nothing until it is awaited"]
pub struct Sleep {
    deadline: Instant,
    timer: Option<Arc<Timer>>,
    elapsed: bool,
}

impl Sleep {
    /// Sleeps for `duration` from now on.
    pub fn new(duration: Duration) -> Self {
        Self::until(later(now(), duration))
    }

    /// Sleeps until `deadline`.
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline,
            timer: None,
            elapsed: false,
        }
    }

    /// When it ends.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether the deadline has passed.
    pub fn is_elapsed(&self) -> bool {
        self.elapsed || now() >= self.deadline
    }

    /// Sleeps until another deadline, earlier or later, also after having ended. Whoever was to be woken
    /// is woken at the new deadline.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
        self.elapsed = false;
        let Some(timer) = self.timer.take() else {
            return;
        };
        if timer.move_to(deadline) {
            self.timer = Some(timer);
        } else if let Some(waker) = timer.cancel() {
            // Another shard's timer: cancelled there, and armed wherever the task is polled next.
            shield::wake(waker);
        }
    }

    fn arm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        let armed = context::with_current_shard(|shard| {
            // The batch's clock is not later than now: it never says "elapsed" too early.
            if shard.batch_clock() >= deadline {
                return None;
            }
            let waker = cx.waker().clone();
            let timer = Arc::new(Timer::new(deadline, Arc::clone(shard.peer()), waker));
            shard.arm(&timer);
            Some(timer)
        });
        self.timer = match armed {
            Some(Some(timer)) => Some(timer),
            Some(None) => return self.end(),
            None if Instant::now() >= deadline => return self.end(),
            None => Some(arm_from_afar(deadline, cx)),
        };
        Poll::Pending
    }

    fn end(&mut self) -> Poll<()> {
        self.elapsed = true;
        self.timer = None;
        Poll::Ready(())
    }
}

/// Arms a timer on some shard of the current runtime, for a thread that is none.
fn arm_from_afar(deadline: Instant, cx: &mut Context<'_>) -> Arc<Timer> {
    Handle::with_core(|core| {
        let peer = core.least_loaded();
        let timer = Arc::new(Timer::new(deadline, Arc::clone(peer), cx.waker().clone()));
        match peer.inbox.push(Note::Arm(Arc::clone(&timer))) {
            Ok(()) => peer.nudge(),
            Err(_) => panic!("a sleep was polled on a runtime that has shut down"),
        }
        timer
    })
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.elapsed {
            return Poll::Ready(());
        }
        match &self.timer {
            None => self.arm(cx),
            Some(timer) => match timer.register(cx.waker()) {
                Fate::Armed => Poll::Pending,
                Fate::Fired => self.end(),
                Fate::Lost => {
                    self.timer = None;
                    self.arm(cx)
                }
            },
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            drop(timer.cancel());
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("deadline", &self.deadline)
            .field("armed", &self.timer.is_some())
            .field("elapsed", &self.elapsed)
            .finish()
    }
}
