//! The writing side of a [`PollIo`](super::PollIo): a queue that sends itself.
//!
//! ```text
//!            queue the first bytes          the write has to wait
//!   Idle -------------------------> Driven ------------------------> Underway
//!    ^                              |    ^                               |
//!    |  all is sent, or it failed   |    |       the write's waker       |
//!    +------------------------------+    +-------------------------------+
//! ```
//!
//! The write's waker is the outlet itself: `wake` polls the write where it was called (for an op: on the shard that
//! reaped it), goes on with what was queued meanwhile, and wakes the task only if that waits for room or for a flush.
//! So bytes that were accepted go out whether or not anybody polls again. The alternative, a write that only the task's
//! polls move on, stops a program that writes twice and then waits for the answer elsewhere, as programs written for a
//! tokio `TcpStream` do.
//!
//! The lock is a leaf: no write is polled, and no waker called or dropped, under it. While one thread drives the write, a
//! second one that is woken for it leaves a note (`again`) and goes.
//!
//! An outlet with a write under way is kept alive by that write's waker. When the `PollIo` is dropped, the source takes
//! the write over, if it is one that can (`FINISHES_DROPPED_WRITES`); otherwise the last wake ends both.

use std::future::Future;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::{PollSource, pool};

pub(super) struct Outlet<S: PollSource> {
    source: S,
    state: Mutex<State<S::Write>>,
}

struct State<W> {
    stage: Stage<W>,
    /// Accepted, and not in the write under way. Empty when idle.
    queue: Vec<u8>,
    /// Bytes in the write under way.
    underway: usize,
    /// Why the last write failed, until somebody was told.
    failed: Option<io::Error>,
    /// The task that waits, and what for.
    waiter: Option<(Event, Waker)>,
}

enum Stage<W> {
    Idle,
    /// A thread has the write and polls it; `again`: it was woken meanwhile.
    Driven {
        again: bool,
    },
    Underway {
        write: W,
        stalled: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Room,
    Sent,
}

impl<S: PollSource> Outlet<S> {
    pub(super) fn new(source: S) -> Self {
        let state = State {
            stage: Stage::Idle,
            queue: Vec::new(),
            underway: 0,
            failed: None,
            waiter: None,
        };
        Self {
            source,
            state: Mutex::new(state),
        }
    }

    pub(super) fn queued(&self) -> usize {
        let state = self.lock();
        state.queue.len() + state.underway
    }

    /// Copies what fits below `most` into the queue, and starts a write if none is under way.
    pub(super) fn poll_queue(
        self: &Arc<Self>,
        parts: &[IoSlice<'_>],
        most: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.unstall(cx);
        let mut state = self.lock();
        if let Some(error) = state.failed.take() {
            return Poll::Ready(Err(error));
        }
        let total = parts
            .iter()
            .fold(0_usize, |sum, part| sum.saturating_add(part.len()));
        let taken = total.min(most.saturating_sub(state.queue.len()));
        if total == 0 {
            return Poll::Ready(Ok(0));
        }
        if taken == 0 {
            let replaced = state.wait(Event::Room, cx);
            drop(state);
            drop(replaced);
            return Poll::Pending;
        }
        if state.queue.capacity() == 0 {
            state.queue = pool::take();
        }
        gather(&mut state.queue, parts, taken);
        if matches!(state.stage, Stage::Idle) {
            state.stage = Stage::Driven { again: false };
            let buf = state.next_buffer();
            drop(state);
            self.drive(self.source.start_write(buf), Some(cx));
        }
        Poll::Ready(Ok(taken))
    }

    /// Ready when everything was sent, or could not be.
    pub(super) fn poll_sent(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unstall(cx);
        let mut state = self.lock();
        if let Some(error) = state.failed.take() {
            return Poll::Ready(Err(error));
        }
        if matches!(state.stage, Stage::Idle) {
            debug_assert!(state.queue.is_empty(), "an idle outlet has nothing to send");
            return Poll::Ready(Ok(()));
        }
        let replaced = state.wait(Event::Sent, cx);
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    /// Gives what is queued to the source now, so that whatever is written to the source later comes after it.
    pub(super) fn hand_over(&self) {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Driven { .. }) {
            // Another thread is at it right now, and sends the rest behind what it has.
            return;
        }
        let rest = mem::take(&mut state.queue);
        let underway = if S::FINISHES_DROPPED_WRITES {
            state.take_write(false)
        } else {
            None
        };
        if underway.is_some() {
            state.rest();
        }
        drop(state);
        drop(underway);
        if rest.is_empty() {
            return;
        }
        if let Err(rest) = self.source.write_detached(rest) {
            // An outlet of its own, whose write stands in the source behind the one under way, and keeps it alive.
            let tail = Arc::new(Self::new(self.source.clone()));
            tail.lock().stage = Stage::Driven { again: false };
            tail.drive(tail.source.start_write(rest), None);
        }
    }

    /// The `PollIo` is gone. What is queued goes out all the same.
    pub(super) fn abandon(&self) {
        let waiter = self.lock().waiter.take();
        drop(waiter);
        if S::FINISHES_DROPPED_WRITES {
            self.hand_over();
        }
    }

    /// Polls the write, and those that follow, until one has to wait. The stage is `Driven`, by this thread.
    fn drive(self: &Arc<Self>, write: S::Write, task: Option<&Context<'_>>) {
        let unwinding = FailOnUnwind(self);
        self.drive_on(write, task);
        mem::forget(unwinding);
    }

    fn drive_on(self: &Arc<Self>, mut write: S::Write, task: Option<&Context<'_>>) {
        let waker = Waker::from(self.clone());
        let mut cx = Context::from_waker(&waker);
        for _ in 0..POLLS_MAX {
            match Pin::new(&mut write).poll(&mut cx) {
                Poll::Pending => match self.lay_down(write) {
                    Some(woken_meanwhile) => write = woken_meanwhile,
                    None => return,
                },
                Poll::Ready(Ok((n, sent))) => match self.settle(n, sent) {
                    Some(next) => write = self.source.start_write(next),
                    None => return,
                },
                Poll::Ready(Err(error)) => return self.fail(error.into()),
            }
        }
        self.stall(write, task);
    }

    /// Puts down a write that has to wait. `Some`: it was woken while it was polled, and wants to be polled again.
    fn lay_down(&self, write: S::Write) -> Option<S::Write> {
        let mut state = self.lock();
        if matches!(state.stage, Stage::Driven { again: true }) {
            state.stage = Stage::Driven { again: false };
            return Some(write);
        }
        state.stage = Stage::Underway {
            write,
            stalled: false,
        };
        None
    }

    /// `n` bytes of `sent` went out: what is to be written next, if anything.
    fn settle(&self, n: usize, mut sent: Vec<u8>) -> Option<Vec<u8>> {
        if n == 0 {
            self.fail(io::Error::from(io::ErrorKind::WriteZero));
            return None;
        }
        let mut state = self.lock();
        if n < sent.len() {
            sent.drain(..n);
            state.underway = sent.len();
            return Some(sent);
        }
        let next = if state.queue.is_empty() {
            state.rest();
            // A stream with nothing to send holds no buffer.
            pool::give(mem::take(&mut state.queue));
            pool::give(sent);
            None
        } else {
            let next = state.next_buffer();
            sent.clear();
            state.queue = sent;
            Some(next)
        };
        let waiter = state.waiter_for(next.is_none());
        drop(state);
        wake(waiter);
        next
    }

    /// The write failed: what stands behind it cannot go either.
    fn fail(&self, error: io::Error) {
        let mut state = self.lock();
        state.rest();
        state.queue = Vec::new();
        state.failed = Some(error);
        let waiter = state.waiter_for(true);
        drop(state);
        wake(waiter);
    }

    /// The write woke itself in each of many polls (as one does that is out of its task's budget): the task's next poll
    /// goes on with it.
    fn stall(&self, write: S::Write, task: Option<&Context<'_>>) {
        let mut state = self.lock();
        state.stage = Stage::Underway {
            write,
            stalled: true,
        };
        let waiter = state.waiter_for(true);
        drop(state);
        wake(waiter);
        if let Some(task) = task {
            task.waker().wake_by_ref();
        }
    }

    fn unstall(self: &Arc<Self>, cx: &Context<'_>) {
        let write = self.lock().take_write(true);
        if let Some(write) = write {
            self.drive(write, Some(cx));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<S::Write>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> State<W> {
    /// The write, for the caller to drive; with `stalled` only if it stalled.
    fn take_write(&mut self, only_stalled: bool) -> Option<W> {
        match mem::replace(&mut self.stage, Stage::Driven { again: false }) {
            Stage::Underway { write, stalled } if stalled || !only_stalled => Some(write),
            other => {
                self.stage = other;
                None
            }
        }
    }

    /// The queue becomes the write under way.
    fn next_buffer(&mut self) -> Vec<u8> {
        self.underway = self.queue.len();
        mem::take(&mut self.queue)
    }

    fn rest(&mut self) {
        self.stage = Stage::Idle;
        self.underway = 0;
    }

    /// Registers the task. What comes back is to be dropped after the lock.
    fn wait(&mut self, event: Event, cx: &Context<'_>) -> Option<Waker> {
        match &mut self.waiter {
            Some((waited_for, waker)) if waker.will_wake(cx.waker()) => {
                *waited_for = event;
                None
            }
            waiter => waiter
                .replace((event, cx.waker().clone()))
                .map(|(_, waker)| waker),
        }
    }

    /// The task to wake: any if all is sent, else only one that waits for room.
    fn waiter_for(&mut self, all_sent: bool) -> Option<Waker> {
        let (event, _) = self.waiter.as_ref()?;
        if all_sent || *event == Event::Room {
            self.waiter.take().map(|(_, waker)| waker)
        } else {
            None
        }
    }
}

impl<S: PollSource> Wake for Outlet<S> {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.lock();
        if let Stage::Driven { again } = &mut state.stage {
            *again = true;
            return;
        }
        let write = state.take_write(false);
        drop(state);
        if let Some(write) = write {
            self.drive(write, None);
        }
    }
}

/// A write that panics when it is polled (an op, outside any runtime) has failed: a stage left at `Driven` would keep
/// every flush waiting for ever.
struct FailOnUnwind<'a, S: PollSource>(&'a Outlet<S>);

impl<S: PollSource> Drop for FailOnUnwind<'_, S> {
    fn drop(&mut self) {
        self.0.fail(io::Error::other("a write panicked"));
    }
}

fn wake(waiter: Option<Waker>) {
    if let Some(waker) = waiter {
        waker.wake();
    }
}

/// Appends the first `n` bytes of all parts.
fn gather(queue: &mut Vec<u8>, parts: &[IoSlice<'_>], mut n: usize) {
    queue.reserve(n);
    for part in parts {
        let taken = part.len().min(n);
        queue.extend_from_slice(&part[..taken]);
        n -= taken;
        if n == 0 {
            break;
        }
    }
}

/// Picked: far more than one send of a full queue in small pieces takes, and a bound for one that never settles down.
const POLLS_MAX: usize = 64;
