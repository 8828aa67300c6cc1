//! The cell of an op with one result.

use std::{cell::UnsafeCell, sync::Arc, task::Context};

use ringmesh_sys::Sqe;

use crate::{
    cell::{Cell, Completion, Next},
    opcode::{OpCode, Res, Resume},
    state::{Address, Completed, Orphaned, Polled, State},
    wake,
};

/// How often an op that the kernel cancelled although nobody asked is submitted again. Seen when io-wq cannot start a
/// worker; picked.
const SPURIOUS_MAX: u8 = 3;

/// How often in a row an op is submitted again because the kernel said "interrupted". Picked; a signal storm hits an
/// io-wq worker rarely even once.
const INTERRUPTED_MAX: u8 = 64;

/// The op, its result, and the state that says who owns them.
pub(crate) struct Oneshot<T> {
    state: State,
    /// A step of a chain: it is never submitted again, since that would happen out of the chain's order.
    linked: bool,
    /// # Safety
    ///
    /// Owned by the driver side until COMPLETED, then by the future, or by the driver side if ORPHANED was first.
    inner: UnsafeCell<Inner<T>>,
}

struct Inner<T> {
    /// # Safety
    ///
    /// From `sqe` to the terminal CQE the kernel may read and write what it points to, inline parts included: nobody touches
    /// or moves it in between. `None` once it was taken out for `complete` or `orphan`.
    op: Option<T>,
    res: Res,
    spurious: u8,
    interrupted: u8,
}

// SAFETY: `inner` is accessed by one side at a time, as the state word says, so sharing needs no more than sending `T`.
unsafe impl<T: Send> Sync for Oneshot<T> {}

/// What the future finds in its cell.
pub(crate) enum Outcome<T> {
    Pending,
    Done(T, Res),
}

impl<T: OpCode> Oneshot<T> {
    /// A cell whose first poll is under way.
    pub(crate) fn waiting(op: T, cx: &Context<'_>, linked: bool) -> Self {
        Self {
            state: State::waiting(cx.waker().clone()),
            linked,
            inner: UnsafeCell::new(Inner {
                op: Some(op),
                res: Res::new(0),
                spurious: 0,
                interrupted: 0,
            }),
        }
    }

    /// Fills the SQE of a cell that nobody else has seen yet: no look at the state.
    pub(crate) fn sqe_unshared(this: &mut Arc<Self>, ring: u32) -> Option<Sqe> {
        let Some(cell) = Arc::get_mut(this) else {
            unreachable!("the cell was made by the caller and is not shared yet");
        };
        cell.inner.get_mut().sqe(ring)
    }

    /// Where a cell sits that no other thread has seen yet.
    pub(crate) fn place(&self, at: Address) {
        self.state.place(at);
    }

    /// The future's look.
    ///
    /// # Panics
    ///
    /// If the runtime shut down and left the op in the kernel.
    pub(crate) fn poll(&self, cx: &Context<'_>) -> Outcome<T> {
        match self.state.transition_to_waiting(cx.waker()) {
            Polled::Pending => Outcome::Pending,
            Polled::Completed => {
                let (op, res) = self.take();
                Outcome::Done(op, res)
            }
            Polled::Leaked => panic!(
                "ringmesh {}: the runtime has shut down while the kernel still held this operation",
                T::NAME
            ),
        }
    }

    /// The future goes away. `Some` is where a cancel has to be sent.
    pub(crate) fn orphan(&self) -> Option<Address> {
        match self.state.transition_to_orphaned() {
            Orphaned::Completed => {
                let (op, res) = self.take();
                // SAFETY: the result is the op's own, they lay in one cell.
                unsafe { op.orphan(res) };
                None
            }
            Orphaned::InFlight(at) => Some(at),
            Orphaned::Unpublished => None,
        }
    }

    /// Asks for a cancel. `Some` is where it has to be sent.
    pub(crate) fn request_cancel(&self) -> Option<Address> {
        self.state.request_cancel()
    }

    /// Where the op sits, once it was pushed.
    pub(crate) fn address(&self) -> Option<Address> {
        self.state.address()
    }

    /// Takes op and result; the caller was told that they are its own.
    fn take(&self) -> (T, Res) {
        // SAFETY: the state gave them to the caller (COMPLETED, seen with Acquire, or ORPHANED before COMPLETED), once.
        let inner = unsafe { &mut *self.inner.get() };
        let Some(op) = inner.op.take() else {
            unreachable!("the state gives the result away once");
        };
        (op, inner.res)
    }

    /// Looks at the terminal result; `None` if the op is to be submitted again.
    fn settle(&self, done: Completion) -> Option<Res> {
        // SAFETY: the terminal CQE is here, so the kernel is done with the op, and until COMPLETED it belongs to this side.
        let inner = unsafe { &mut *self.inner.get() };
        // A zero-copy send gives its result first and its end, without a result, second.
        let res = if done.res.is_notif() {
            inner.res
        } else {
            done.res
        };
        let repeat = !self.linked && !done.closing && !done.cancelled && !self.state.is_unwanted();
        if repeat && !inner.is_closing() {
            inner.repeat(res)
        } else {
            Some(res)
        }
    }
}

impl<T: OpCode> Inner<T> {
    fn sqe(&mut self, ring: u32) -> Option<Sqe> {
        let Some(op) = &mut self.op else {
            unreachable!("an op is submitted before its result is taken");
        };
        let wanted = op.fd().is_none_or(|fd| fd.mark_ring(ring));
        wanted.then(|| op.sqe())
    }

    fn is_closing(&self) -> bool {
        self.op
            .as_ref()
            .and_then(OpCode::fd)
            .is_some_and(|fd| fd.is_closing())
    }

    /// What becomes of a result that nobody's cancel has caused.
    fn repeat(&mut self, res: Res) -> Option<Res> {
        if res.is_cancelled() && T::REPEATABLE {
            self.spurious += 1;
            return (self.spurious > SPURIOUS_MAX).then_some(res);
        }
        self.interrupted = if res.is_interrupted() {
            self.interrupted + 1
        } else {
            0
        };
        if self.interrupted > INTERRUPTED_MAX {
            return Some(res);
        }
        let op = self.op.as_mut()?;
        match op.resume(res) {
            Resume::Done(res) => Some(res),
            Resume::Again => None,
        }
    }
}

// SAFETY: the op lies in this heap cell and moves only when `take` takes it, which the state allows after the terminal CQE;
// what its SQE points to is valid until then by `OpCode`'s contract. After `on_leak` the state never gives it away.
unsafe impl<T: OpCode> Cell for Oneshot<T> {
    fn kind(&self) -> u8 {
        T::KIND
    }

    fn sqe(&self, ring: u32) -> Option<Sqe> {
        if self.state.is_unwanted() {
            return None;
        }
        // SAFETY: not in the kernel yet (or its terminal CQE is here) and not COMPLETED: the op belongs to this side.
        let inner = unsafe { &mut *self.inner.get() };
        inner.sqe(ring)
    }

    fn published(&self, at: Address) -> bool {
        self.state.publish(at)
    }

    fn on_cqe(self: Arc<Self>, done: Completion) -> Next {
        if done.more {
            // SAFETY: until COMPLETED `inner.res` belongs to this side; the op itself is not touched.
            unsafe { (*self.inner.get()).res = done.res };
            return Next::Done;
        }
        let Some(res) = self.settle(done) else {
            return Next::Again(self);
        };
        // SAFETY: not COMPLETED yet: `inner` belongs to this side.
        unsafe { (*self.inner.get()).res = res };
        match self.state.transition_to_completed() {
            Completed::Wake(waker) => wake::wake(waker),
            Completed::Quiet => {}
            Completed::Orphaned => {
                let (op, res) = self.take();
                // SAFETY: the result is the op's own, they lay in one cell.
                wake::quietly(|| unsafe { op.orphan(res) });
                return Next::Orphaned;
            }
        }
        Next::Done
    }

    fn on_leak(&self) {
        if let Completed::Wake(waker) = self.state.transition_to_leaked() {
            wake::wake(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        task::Waker,
    };

    use super::*;
    use crate::fd::FdRef;

    /// An op that is submitted again as often as it is told to, and counts who gets it in the end.
    struct Probe {
        again: u32,
        orphaned: Arc<AtomicUsize>,
    }

    // SAFETY: its SQE points to nothing.
    unsafe impl OpCode for Probe {
        type Output = i32;
        const NAME: &'static str = "probe";
        const KIND: u8 = 0;

        fn sqe(&mut self) -> Sqe {
            Sqe::default()
        }

        unsafe fn complete(self, res: Res) -> i32 {
            res.result
        }

        unsafe fn orphan(self, _res: Res) {
            self.orphaned.fetch_add(1, Relaxed);
        }

        fn resume(&mut self, res: Res) -> Resume {
            if self.again == 0 {
                return Resume::Done(res);
            }
            self.again -= 1;
            Resume::Again
        }

        fn fd(&self) -> Option<&FdRef> {
            None
        }
    }

    fn cell(again: u32) -> (Arc<Oneshot<Probe>>, Arc<AtomicUsize>) {
        let orphaned = Arc::new(AtomicUsize::new(0));
        let op = Probe {
            again,
            orphaned: Arc::clone(&orphaned),
        };
        let cell = Oneshot::waiting(op, &Context::from_waker(Waker::noop()), false);
        (Arc::new(cell), orphaned)
    }

    fn terminal(result: i32) -> Completion {
        Completion {
            res: Res::new(result),
            more: false,
            cancelled: false,
            closing: false,
        }
    }

    /// Completes with `done` until the cell is content, and says how often it was submitted again.
    fn complete(cell: &Arc<Oneshot<Probe>>, done: Completion) -> usize {
        for again in 0..1000 {
            match Arc::clone(cell).on_cqe(done) {
                Next::Again(_) => {}
                Next::Done | Next::Orphaned => return again,
            }
        }
        panic!("it is repeated for ever");
    }

    fn result(cell: &Oneshot<Probe>) -> i32 {
        match cell.poll(&Context::from_waker(Waker::noop())) {
            Outcome::Done(_, res) => res.result,
            Outcome::Pending => panic!("it has completed"),
        }
    }

    #[test]
    fn a_cancel_that_nobody_asked_for_is_repeated_three_times_and_then_reported() {
        let (cell, _) = cell(0);
        assert_eq!(
            complete(&cell, terminal(-libc::ECANCELED)),
            usize::from(SPURIOUS_MAX)
        );
        assert_eq!(result(&cell), -libc::ECANCELED);
    }

    #[test]
    fn a_cancel_that_somebody_asked_for_is_reported_at_once() {
        let (asked, _) = cell(0);
        let _address = asked.request_cancel();
        assert_eq!(complete(&asked, terminal(-libc::ECANCELED)), 0);

        let (slot, _) = cell(0);
        let done = Completion {
            cancelled: true,
            ..terminal(-libc::ECANCELED)
        };
        assert_eq!(complete(&slot, done), 0);

        let (closing, _) = cell(9);
        let done = Completion {
            closing: true,
            ..terminal(-libc::EINTR)
        };
        assert_eq!(complete(&closing, done), 0);
    }

    #[test]
    fn an_interrupted_op_is_repeated_as_long_as_it_says_so_and_not_for_ever() {
        let (some, _) = cell(5);
        assert_eq!(complete(&some, terminal(-libc::EINTR)), 5);
        let (endless, _) = cell(u32::MAX);
        assert_eq!(
            complete(&endless, terminal(-512)),
            usize::from(INTERRUPTED_MAX)
        );
        match endless.poll(&Context::from_waker(Waker::noop())) {
            Outcome::Done(_, res) => {
                assert_eq!(res.io().unwrap_err().raw_os_error(), Some(libc::ECANCELED))
            }
            Outcome::Pending => panic!("it has completed"),
        }
    }

    #[test]
    fn a_dropped_op_is_not_repeated_and_its_orphan_handler_runs_once() {
        let (cell, orphaned) = cell(9);
        assert_eq!(cell.orphan(), None, "it was never pushed");
        assert_eq!(cell.sqe(1).map(|sqe| sqe.opcode), None, "and will not be");
        assert_eq!(complete(&cell, terminal(-libc::EINTR)), 0);
        assert_eq!(orphaned.load(Relaxed), 1);
        drop(cell);
        assert_eq!(orphaned.load(Relaxed), 1);
    }

    #[test]
    fn a_result_that_comes_before_its_notification_is_kept() {
        const NOTIF: u32 = 1 << 3;
        let (cell, _) = cell(0);
        let first = Completion {
            more: true,
            ..terminal(77)
        };
        assert!(matches!(Arc::clone(&cell).on_cqe(first), Next::Done));
        assert!(matches!(
            cell.poll(&Context::from_waker(Waker::noop())),
            Outcome::Pending
        ));
        let last = Completion {
            res: Res {
                result: 0,
                flags: NOTIF,
            },
            ..terminal(0)
        };
        assert_eq!(complete(&cell, last), 0);
        assert_eq!(result(&cell), 77);
    }
}
