//! A time limit that never turns a success into an error.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use ringmesh_sched::time::Sleep;

use crate::{
    op::Op,
    opcode::{OpCode, Res},
};

/// The future of [`Op::timeout`].
///
/// 1. The op is polled first, always: what the kernel has done is the output.
/// 2. The timer is armed by the first poll that finds the op pending, so an op that is answered at once costs no timer.
/// 3. When it fires, a cancel is requested, and the op is waited for.
/// 4. `ECANCELED` after that becomes `ETIMEDOUT`. Everything else stands.
#[must_use = "an operation reaches the kernel when it is polled"]
pub struct Timeout<T: OpCode> {
    op: Op<T>,
    limit: Duration,
    timer: Timer,
}

enum Timer {
    Unarmed,
    Armed(Sleep),
    Fired,
}

impl<T: OpCode> Unpin for Timeout<T> {}

impl<T: OpCode> Timeout<T> {
    pub(crate) fn new(op: Op<T>, limit: Duration) -> Self {
        Self {
            op,
            limit,
            timer: Timer::Unarmed,
        }
    }

    /// The op, without its limit.
    pub fn into_inner(self) -> Op<T> {
        self.op
    }

    /// Arms the timer if that was not done, and looks at it.
    fn poll_timer(&mut self, cx: &mut Context<'_>) {
        if let Timer::Unarmed = self.timer {
            self.timer = Timer::Armed(Sleep::new(self.limit));
        }
        if let Timer::Armed(sleep) = &mut self.timer
            && Pin::new(sleep).poll(cx).is_ready()
        {
            self.timer = Timer::Fired;
            self.op.request_cancel();
        }
    }
}

impl<T: OpCode> Future for Timeout<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        let this = self.get_mut();
        if let Poll::Ready((op, res)) = this.op.poll_parts(cx) {
            let stopped = res.is_cancelled() || res.is_interrupted();
            let timed_out = stopped && matches!(this.timer, Timer::Fired);
            let res = if timed_out { Res::timed_out() } else { res };
            // SAFETY: `poll_parts` gives an op with its own result, or an errno stands in its place.
            return Poll::Ready(unsafe { op.complete(res) });
        }
        this.poll_timer(cx);
        Poll::Pending
    }
}

impl<T: OpCode> fmt::Debug for Timeout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeout")
            .field("op", &self.op)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
