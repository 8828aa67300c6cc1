//! The future of an op.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use ringmesh_sched::{coop, task};

use crate::{
    cancel::Cancel,
    cell::Cell,
    driver::{self, Uring},
    key::{KIND_USER_END, Key},
    lane::Lane,
    oneshot::{Oneshot, Outcome},
    opcode::{Config, OpCode, Res},
    remote,
    state::Address,
    timeout::Timeout,
};

/// An operation: one request to the kernel and its result.
///
/// It is only a handle. Nothing reaches the kernel before the first poll, which also decides the ring: the one of the
/// polling thread's shard, the one of the [`Lane`] that [`on`](Self::on) has named, or, on a thread that is no shard, the one
/// of the current [`Handle`](crate::Handle)'s least loaded shard. After that it may be polled with any waker and dropped on any
/// thread; the op stays on its ring.
///
/// # Cancel safety
///
/// Dropping it before its first poll gives nothing to the kernel. Dropping it in flight requests a cancel that cannot be lost,
/// and hands the result, whatever it is, to the op's own [`orphan`](OpCode::orphan) handler: descriptors are closed, buffers go
/// back to where they came from. [`cancel`](Self::cancel) waits for the outcome and gives result and buffer back.
/// `mem::forget` leaks the cell and is sound.
///
/// # Panics
///
/// A poll panics if the future has completed before, if there is no runtime at the first poll, or if the runtime shut down and had
/// to leave the op in the kernel.
#[must_use = "an operation reaches the kernel when it is polled"]
pub struct Op<T: OpCode> {
    stage: Stage<T>,
}

enum Stage<T> {
    New {
        op: T,
        lane: Option<Lane>,
    },
    InFlight(Arc<Oneshot<T>>),
    /// Answered without the ring in a poll that had used up its budget.
    Inline {
        op: T,
        res: Res,
    },
    Done,
}

// SAFETY: `&Op` gives no access to `T`: what can be called on it touches the atomics of the cell only, and before the first
// poll nothing at all.
unsafe impl<T: OpCode> Sync for Op<T> {}

// The op is never pinned in here: it has not been pushed yet, or lies in its cell.
impl<T: OpCode> Unpin for Op<T> {}

impl<T: OpCode> Op<T> {
    /// An operation that will run on the ring of whoever polls it first.
    pub fn new(op: T) -> Self {
        const { assert!(T::KIND < KIND_USER_END, "this KIND belongs to the driver") };
        Self {
            stage: Stage::New { op, lane: None },
        }
    }

    /// Sends it to this lane's ring instead. Too late after the first poll: the op stays where it is.
    pub fn on(mut self, lane: Lane) -> Self {
        if let Stage::New { lane: chosen, .. } = &mut self.stage {
            *chosen = Some(lane);
        }
        self
    }

    /// Gives it `limit` from its first poll that does not complete.
    ///
    /// When the time is over the op is cancelled, and the output is what the kernel made of that: a success or a partial result
    /// reaches the caller even though the timer had fired; only an op that the timer stopped fails with `ETIMEDOUT`
    /// ([`TimedOut`](std::io::ErrorKind::TimedOut)), buffer included. So the output comes when the kernel has let go of the op,
    /// which an op that cannot be cancelled (a disk that does not answer) delays; to return to the caller at once, and leave op
    /// and buffer behind, use [`ringmesh_sched::time::timeout`].
    pub fn timeout(self, limit: Duration) -> Timeout<T> {
        Timeout::new(self, limit)
    }

    /// Cancels it and waits for what came of that: the result, or `ECANCELED`, with the buffer in both cases.
    ///
    /// The request goes out at once, also if the returned future is not polled. An op that was never polled is not submitted.
    pub fn cancel(self) -> Cancel<T> {
        Cancel::new(self)
    }

    /// Requests a cancel and does not wait. Works on any thread; does nothing before the first poll and after completion.
    pub fn request_cancel(&self) {
        if let Stage::InFlight(cell) = &self.stage
            && let Some(at) = cell.request_cancel()
        {
            driver::cancel_at(at);
        }
    }

    /// Whether a ring has it: polled, not answered on the spot, and its output not given yet.
    pub fn is_submitted(&self) -> bool {
        matches!(self.stage, Stage::InFlight(_))
    }

    /// Its `user_data`, once it has a slot: the `addr` of an `ASYNC_CANCEL`, and the `op` of recorded events.
    pub fn key(&self) -> Option<Key> {
        match &self.stage {
            Stage::InFlight(cell) => cell.address().map(|at| Key::from_user_data(at.key)),
            _ => None,
        }
    }

    /// Takes the op back if it was never polled.
    ///
    /// # Errors
    ///
    /// Gives the future back otherwise.
    pub fn into_unpolled(mut self) -> Result<T, Self> {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::New { op, .. } => Ok(op),
            stage => {
                self.stage = stage;
                Err(self)
            }
        }
    }

    /// Polls for the op and its raw result.
    pub(crate) fn poll_parts(&mut self, cx: &mut Context<'_>) -> Poll<(T, Res)> {
        if let Stage::InFlight(cell) = &self.stage {
            let Outcome::Done(op, res) = cell.poll(cx) else {
                return Poll::Pending;
            };
            self.stage = Stage::Done;
            return Poll::Ready((op, res));
        }
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::New { op, lane } => self.start(op, lane, cx),
            Stage::Inline { op, res } => Poll::Ready((op, res)),
            _ => panic!("ringmesh {}: polled after it had completed", T::NAME),
        }
    }

    /// The first poll.
    fn start(&mut self, op: T, lane: Option<Lane>, cx: &Context<'_>) -> Poll<(T, Res)> {
        let mut first = Some((op, lane));
        let here = driver::with_current(|uring| {
            let (op, lane) = first.take()?;
            Some(self.start_on(uring, op, lane, cx))
        });
        match (here.flatten(), first) {
            (Some(poll), _) => poll,
            (None, Some((op, lane))) => self.start_outside(op, lane, cx),
            (None, None) => unreachable!("the closure took the op and returned its poll"),
        }
    }

    /// The first poll, on a shard.
    fn start_on(
        &mut self,
        uring: &Uring,
        mut op: T,
        lane: Option<Lane>,
        cx: &Context<'_>,
    ) -> Poll<(T, Res)> {
        if let Some(res) = op.try_inline(uring.config()) {
            uring.counters().inline_completions.add(1);
            if coop::consume() {
                return Poll::Ready((op, res));
            }
            self.stage = Stage::Inline { op, res };
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match lane {
            Some(lane) if !lane.is(uring) => self.submit_elsewhere(op, &lane, cx),
            _ => self.submit_here(uring, op, cx),
        }
        Poll::Pending
    }

    /// The first poll, on a thread that is no shard.
    fn start_outside(&mut self, mut op: T, lane: Option<Lane>, cx: &Context<'_>) -> Poll<(T, Res)> {
        if let Some(res) = op.try_inline(&Config::default()) {
            return Poll::Ready((op, res));
        }
        let lane = lane.unwrap_or_else(|| Lane::outside(T::NAME));
        self.submit_elsewhere(op, &lane, cx);
        Poll::Pending
    }

    /// The fast path: nobody else knows the cell before its SQE is queued, so there is nothing to race with.
    fn submit_here(&mut self, uring: &Uring, op: T, cx: &Context<'_>) {
        let mut cell = Arc::new(Oneshot::waiting(op, cx, false));
        let sqe = Oneshot::sqe_unshared(&mut cell, uring.id());
        let ours = Arc::clone(&cell);
        match sqe {
            None => uring.refuse_new(cell),
            Some(sqe) => {
                if let Some(key) = uring.submit_with(cell, task::current(), sqe) {
                    ours.place(Address {
                        ring: uring.id(),
                        key: key.user_data(),
                    });
                }
            }
        }
        self.stage = Stage::InFlight(ours);
    }

    /// Makes the cell of a chain's step; the chain pushes it.
    pub(crate) fn link(&mut self, cx: &Context<'_>) -> Arc<dyn Cell> {
        let Stage::New { op, .. } = mem::replace(&mut self.stage, Stage::Done) else {
            panic!("ringmesh {}: a chain links its steps once", T::NAME);
        };
        let cell = Arc::new(Oneshot::waiting(op, cx, true));
        self.stage = Stage::InFlight(Arc::clone(&cell));
        cell
    }

    fn submit_elsewhere(&mut self, op: T, lane: &Lane, cx: &Context<'_>) {
        let cell = Arc::new(Oneshot::waiting(op, cx, false));
        self.stage = Stage::InFlight(Arc::clone(&cell));
        remote::submit_to(lane, vec![cell]);
    }
}

impl<T: OpCode> Future for Op<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        let (op, res) = ready!(self.get_mut().poll_parts(cx));
        // SAFETY: `poll_parts` gives an op with its own result.
        Poll::Ready(unsafe { op.complete(res) })
    }
}

impl<T: OpCode> Drop for Op<T> {
    fn drop(&mut self) {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::InFlight(cell) => {
                if let Some(at) = cell.orphan() {
                    driver::cancel_at(at);
                }
            }
            // SAFETY: the result is what this op's `try_inline` gave.
            Stage::Inline { op, res } => unsafe { op.orphan(res) },
            Stage::New { .. } | Stage::Done => {}
        }
    }
}

impl<T: OpCode> fmt::Debug for Op<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::New { .. } => "new",
            Stage::InFlight(_) => "in flight",
            Stage::Inline { .. } => "answered",
            Stage::Done => "done",
        };
        f.debug_struct("Op")
            .field("name", &T::NAME)
            .field("stage", &stage)
            .finish()
    }
}
