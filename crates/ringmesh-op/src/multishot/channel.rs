//! Where a multishot's completions and its polls meet.

use std::{collections::VecDeque, fmt, io, sync::Arc, task::Waker};

use parking_lot::Mutex;
use ringmesh_sys::Sqe;

use super::{MultiOp, Verdict};
use crate::{
    cell::{Cell, Completion, Next},
    driver, remote,
    state::Address,
    wake,
};

/// The cell of a multishot: one op, armed at most once at a time.
pub(super) struct Channel<T: MultiOp> {
    op: T,
    inner: Mutex<Inner<T>>,
}

struct Inner<T: MultiOp> {
    phase: Phase,
    /// What the present arming uses.
    place: Option<T::Place>,
    /// Why there was nothing to use.
    no_place: Option<io::Error>,
    queue: VecDeque<T::Item>,
    limit: usize,
    waker: Option<Waker>,
    /// The present arming is to end: asked for by the user, or by the limit.
    cancel: bool,
    /// The present arming has brought something.
    fruitful: bool,
    /// The stream's handle is gone.
    abandoned: bool,
}

#[derive(Debug)]
enum Phase {
    /// Not with the kernel.
    Idle(Idle),
    /// On its way to a ring.
    Arming,
    /// At a ring.
    Armed(Address),
    /// Over; the error is told once.
    Ended(Option<io::Error>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    /// Nothing speaks against arming.
    Free,
    /// The last arming brought nothing, and nobody had asked for its end.
    Barren,
    /// Descriptors or memory are short.
    Short,
    /// The buffers are all out; `Some` is an errno that was not told yet.
    Starved(Option<i32>),
}

/// What a poll finds.
pub(super) enum Taken<T: MultiOp> {
    /// An item; `true` if the request is idle and there is room to arm it again.
    Item(T::Item, bool),
    /// An error that does not end the stream, or the one that does.
    Error(io::Error),
    /// The end.
    Over,
    /// Armed, and the waker is registered.
    Pending,
    /// Not armed: wait as this says, then arm.
    Idle(Rest<T::Place>),
}

/// Why a request rests.
pub(super) struct Rest<P> {
    /// Its last arming brought nothing.
    pub(super) barren: bool,
    /// Resources are short.
    pub(super) short: bool,
    /// The place whose buffers are all out.
    pub(super) starved: Option<P>,
}

impl<T: MultiOp> Channel<T> {
    pub(super) fn new(op: T, limit: usize) -> Self {
        let inner = Inner {
            phase: Phase::Idle(Idle::Free),
            place: None,
            no_place: None,
            queue: VecDeque::new(),
            limit,
            waker: None,
            cancel: false,
            fruitful: false,
            abandoned: false,
        };
        Self {
            op,
            inner: Mutex::new(inner),
        }
    }

    /// Tells this stream from others, as long as it lives.
    pub(super) fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(super) fn set_limit(&self, limit: usize) {
        self.inner.lock().limit = limit;
    }

    pub(super) fn is_armed(&self) -> bool {
        matches!(self.inner.lock().phase, Phase::Arming | Phase::Armed(_))
    }

    pub(super) fn try_take(&self) -> Option<T::Item> {
        self.inner.lock().queue.pop_front()
    }

    /// Takes what is there, or leaves the waker.
    pub(super) fn take(&self, waker: &Waker) -> Taken<T> {
        let mut fresh = None;
        loop {
            let mut inner = self.inner.lock();
            match inner.look() {
                Taken::Pending if inner.wakes(waker) => return Taken::Pending,
                Taken::Pending => {}
                other => return other,
            }
            // Cloning and dropping a waker is foreign code: never under the lock.
            match fresh.take() {
                None => {
                    drop(inner);
                    fresh = Some(waker.clone());
                }
                Some(fresh) => {
                    let old = inner.waker.replace(fresh);
                    drop(inner);
                    wake::discard(old);
                    return Taken::Pending;
                }
            }
        }
    }

    /// Gives the idle request to the ring of this thread's shard, or of the least loaded one.
    pub(super) fn arm(self: &Arc<Self>) {
        {
            let mut inner = self.inner.lock();
            let Phase::Idle(_) = inner.phase else { return };
            inner.phase = Phase::Arming;
            inner.cancel = false;
            inner.fruitful = false;
        }
        remote::submit(Arc::clone(self) as Arc<dyn Cell>, None);
    }

    pub(super) fn request_cancel(&self) {
        let at = self.inner.lock().cancel();
        if let Some(at) = at {
            driver::cancel_at(at);
        }
    }

    /// The handle goes away.
    pub(super) fn abandon(&self) {
        let (at, queue, waker, starved) = {
            let mut inner = self.inner.lock();
            inner.abandoned = true;
            let starved = inner.starved_at();
            let queue = std::mem::take(&mut inner.queue);
            (inner.cancel(), queue, inner.waker.take(), starved)
        };
        if let Some(place) = starved {
            T::leave(&place, self.id());
        }
        wake::discard(waker);
        for item in queue {
            self.op.orphan(item);
        }
        if let Some(at) = at {
            driver::cancel_at(at);
        }
    }

    /// Where a terminal CQE leads to.
    fn phase_after(&self, inner: &mut Inner<T>, done: Completion) -> Phase {
        if let Some(error) = inner.no_place.take() {
            return Phase::Ended(Some(error));
        }
        if inner.abandoned || self.op.fd().is_closing() {
            return Phase::Ended(None);
        }
        if done.closing {
            return Phase::Ended(Some(gone()));
        }
        match self.op.verdict(done.res) {
            Verdict::Again if inner.fruitful || inner.cancel => Phase::Idle(Idle::Free),
            Verdict::Again => Phase::Idle(Idle::Barren),
            Verdict::BackOff => Phase::Idle(Idle::Short),
            Verdict::Starved(errno) => Phase::Idle(Idle::Starved(Some(errno))),
            Verdict::End => Phase::Ended(None),
            Verdict::Fail(errno) => Phase::Ended(Some(io::Error::from_raw_os_error(errno))),
        }
    }
}

impl<T: MultiOp> Inner<T> {
    fn look(&mut self) -> Taken<T> {
        if let Some(item) = self.queue.pop_front() {
            let room =
                matches!(self.phase, Phase::Idle(Idle::Free)) && self.queue.len() <= self.limit / 2;
            return Taken::Item(item, room);
        }
        match &mut self.phase {
            Phase::Arming | Phase::Armed(_) => Taken::Pending,
            Phase::Ended(error) => error.take().map_or(Taken::Over, Taken::Error),
            Phase::Idle(Idle::Starved(errno @ Some(_))) => {
                let errno = errno.take().unwrap_or(libc::ENOBUFS);
                Taken::Error(io::Error::from_raw_os_error(errno))
            }
            Phase::Idle(idle) => Taken::Idle(Rest {
                barren: *idle == Idle::Barren,
                short: *idle == Idle::Short,
                starved: self.starved_at(),
            }),
        }
    }

    /// The place whose buffers are all out.
    fn starved_at(&self) -> Option<T::Place> {
        let starved = matches!(self.phase, Phase::Idle(Idle::Starved(_)));
        self.place.clone().filter(|_| starved)
    }

    fn wakes(&self, waker: &Waker) -> bool {
        self.waker.as_ref().is_some_and(|old| old.will_wake(waker))
    }

    /// Marks the arming for its end; `Some` is where the cancel has to be sent.
    fn cancel(&mut self) -> Option<Address> {
        let sent = std::mem::replace(&mut self.cancel, true);
        match self.phase {
            Phase::Armed(at) if !sent => Some(at),
            _ => None,
        }
    }

    /// Queues an item, or gives it back if nobody will poll for it.
    fn queue(&mut self, item: T::Item) -> Option<T::Item> {
        if self.abandoned {
            return Some(item);
        }
        self.fruitful = true;
        let item = match self.queue.back_mut() {
            Some(last) => T::merge(last, item),
            None => Some(item),
        };
        self.queue.extend(item);
        None
    }
}

// SAFETY: a MultiOp's SQE points to what stays valid as long as the op is neither moved nor dropped: it lies in this
// cell, which the driver's Arc keeps where it is.
unsafe impl<T: MultiOp> Cell for Channel<T> {
    fn kind(&self) -> u8 {
        T::KIND
    }

    fn sqe(&self, ring: u32) -> Option<Sqe> {
        let unwanted = {
            let inner = self.inner.lock();
            inner.abandoned || inner.cancel
        };
        if unwanted || !self.op.fd().mark_ring(ring) {
            return None;
        }
        // May register a buffer group with the ring, so not under the lock.
        match self.op.place() {
            Ok(place) => {
                let sqe = self.op.sqe(&place);
                let old = self.inner.lock().place.replace(place);
                drop(old);
                Some(sqe)
            }
            Err(error) => {
                self.inner.lock().no_place = Some(error);
                None
            }
        }
    }

    fn published(&self, at: Address) -> bool {
        // The lock makes the store and the look one step: whoever abandons or cancels comes before it and is seen here,
        // or after it and sees the address.
        let mut inner = self.inner.lock();
        inner.phase = Phase::Armed(at);
        inner.abandoned || inner.cancel
    }

    fn on_cqe(self: Arc<Self>, done: Completion) -> Next {
        let place = self.inner.lock().place.clone();
        let item = place.and_then(|place| {
            // SAFETY: the driver calls this once for each CQE, and `place` is what the present arming was made with: it is
            // replaced only before the next, after the terminal CQE of this one.
            unsafe { self.op.item(&place, done.res) }
        });
        let (unwanted, waker, pause, abandoned, gave_up) = {
            let mut inner = self.inner.lock();
            let unwanted = item.and_then(|item| inner.queue(item));
            let mut pause = None;
            if !done.more {
                inner.phase = self.phase_after(&mut inner, done);
            } else if inner.queue.len() > inner.limit {
                pause = inner.cancel();
            }
            let gave_up = inner.abandoned || inner.cancel;
            (
                unwanted,
                inner.waker.take(),
                pause,
                inner.abandoned,
                gave_up,
            )
        };
        if let Some(item) = unwanted {
            wake::quietly(|| self.op.orphan(item));
        }
        if let Some(waker) = waker {
            wake::wake(waker);
        }
        if let Some(at) = pause {
            driver::cancel_at(at);
        }
        if gave_up && !done.more {
            wake::quietly(|| self.op.gave_up());
        }
        if abandoned && !done.more {
            Next::Orphaned
        } else {
            Next::Done
        }
    }

    fn on_leak(&self) {
        let waker = {
            let mut inner = self.inner.lock();
            inner.phase = Phase::Ended(Some(gone()));
            inner.waker.take()
        };
        if let Some(waker) = waker {
            wake::wake(waker);
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the runtime has shut down")
}

impl<T: MultiOp> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(inner) = self.inner.try_lock() else {
            return f.write_str("Channel { <locked> }");
        };
        f.debug_struct("Channel")
            .field("phase", &inner.phase)
            .field("queued", &inner.queue.len())
            .field("limit", &inner.limit)
            .finish_non_exhaustive()
    }
}
