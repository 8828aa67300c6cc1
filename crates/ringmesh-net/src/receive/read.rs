//! One read: whatever comes first, up to the room there is.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use ringmesh_buf::{BufError, BufResult};
use ringmesh_op::Op;

use super::armed::{Armed, OrphanRead};
use super::target::Target;
use super::{End, Found, Lease, Seat};
use crate::exclusive::Exclusive;
use crate::socket::Socket;

/// Whether the bytes leave the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Take,
    Peek,
}

/// The future behind `read`, `peek`, `read_vectored` and their owned forms.
pub(crate) struct Reading<S: Deref<Target = Socket>, T: Target> {
    step: Exclusive<Step<T>>,
    seat: Seat<S>,
    mode: Mode,
    cancelled: bool,
}

enum Step<T: Target> {
    Start(T),
    Own(Op<T::Code>),
    Adopted(T, Armed),
    Done,
}

impl<S: Deref<Target = Socket>, T: Target> Reading<S, T> {
    pub(crate) const fn new(socket: S, target: T, mode: Mode) -> Self {
        Self {
            step: Exclusive::new(Step::Start(target)),
            seat: Seat::new(socket),
            mode,
            cancelled: false,
        }
    }

    /// Asks the read to end: with bytes if there are any, with ECANCELED otherwise.
    pub(crate) fn request_cancel(&mut self) {
        self.cancelled = true;
        if let Step::Own(op) = self.step.get_mut() {
            op.request_cancel();
        }
    }

    fn give_up(&mut self, target: T) -> BufError<T::Buf> {
        self.seat.release();
        let error = io::Error::from_raw_os_error(libc::ECANCELED);
        BufError::new(error, target.into_buf())
    }

    fn start(&mut self, mut target: T, cx: &mut Context<'_>) -> Poll<BufResult<usize, T::Buf>> {
        if target.room() == 0 {
            let error = io::Error::new(
                io::ErrorKind::InvalidInput,
                "read into a buffer without room",
            );
            return Poll::Ready(Err(BufError::new(error, target.into_buf())));
        }
        match self.seat.poll_enter(cx) {
            Poll::Pending => {
                *self.step.get_mut() = Step::Start(target);
                Poll::Pending
            }
            Poll::Ready(Found::Nothing) => self.arm(target, cx),
            Poll::Ready(Found::Bytes(bytes)) => Poll::Ready(self.serve(bytes, target)),
            Poll::Ready(Found::End(end)) => Poll::Ready(self.finish(end, target)),
            Poll::Ready(Found::Armed(armed)) => self.adopt(target, armed, cx),
        }
    }

    fn arm(&mut self, target: T, cx: &mut Context<'_>) -> Poll<BufResult<usize, T::Buf>> {
        let flags = match self.mode {
            Mode::Take => 0,
            Mode::Peek => libc::MSG_PEEK,
        };
        let op = target.receive(self.seat.socket().fd(), flags);
        *self.step.get_mut() = Step::Own(op);
        self.poll_own(cx)
    }

    fn poll_own(&mut self, cx: &mut Context<'_>) -> Poll<BufResult<usize, T::Buf>> {
        let step = self.step.get_mut();
        let Step::Own(op) = step else {
            unreachable!("only called with an op of our own")
        };
        let Poll::Ready(result) = Pin::new(op).poll(cx) else {
            return Poll::Pending;
        };
        *step = Step::Done;
        self.seat.release();
        Poll::Ready(T::result(result))
    }

    fn adopt(
        &mut self,
        target: T,
        armed: Armed,
        cx: &mut Context<'_>,
    ) -> Poll<BufResult<usize, T::Buf>> {
        match armed.poll(cx) {
            Err(armed) => {
                *self.step.get_mut() = Step::Adopted(target, armed);
                Poll::Pending
            }
            Ok((outcome, rest)) => {
                if let Some(armed) = rest {
                    self.seat.put_armed(armed);
                }
                match (outcome.bytes, outcome.end) {
                    (Some(bytes), end) => {
                        if let Some(end) = end {
                            self.seat.put_end(end);
                        }
                        Poll::Ready(self.serve(bytes, target))
                    }
                    (None, Some(end)) => Poll::Ready(self.finish(end, target)),
                    (None, None) => self.start(target, cx),
                }
            }
        }
    }

    /// Copies parked bytes into the caller's buffer and keeps the rest.
    fn serve(&mut self, mut bytes: Lease, mut target: T) -> BufResult<usize, T::Buf> {
        let n = target.put(&bytes);
        if self.mode == Mode::Take {
            bytes.advance(n);
        }
        self.seat.put_bytes(bytes);
        self.seat.release();
        Ok((n, target.into_buf()))
    }

    fn finish(&mut self, end: End, mut target: T) -> BufResult<usize, T::Buf> {
        if self.mode == Mode::Peek {
            self.seat.put_end(end);
        }
        self.seat.release();
        match end {
            End::Eof => {
                target.put(&[]);
                Ok((0, target.into_buf()))
            }
            End::Error(errno) => Err(BufError::new(
                io::Error::from_raw_os_error(errno),
                target.into_buf(),
            )),
        }
    }
}

impl<S: Deref<Target = Socket>, T: Target> Drop for Reading<S, T> {
    fn drop(&mut self) {
        match mem::replace(self.step.get_mut(), Step::Done) {
            // A peek takes nothing away: its op is cancelled by its own drop.
            Step::Own(op) if self.mode == Mode::Take && op.is_submitted() => {
                self.seat.put_armed(Armed::once(OrphanRead::<T>(op)));
            }
            Step::Adopted(_, armed) => self.seat.put_armed(armed),
            _ => {}
        }
    }
}

// Nothing in it is pinned: the op keeps what the kernel touches in a cell of its own.
impl<S: Deref<Target = Socket>, T: Target> Unpin for Reading<S, T> {}

impl<S: Deref<Target = Socket>, T: Target> Future for Reading<S, T> {
    type Output = BufResult<usize, T::Buf>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Step::Own(_) = this.step.get_mut() {
            return this.poll_own(cx);
        }
        match mem::replace(this.step.get_mut(), Step::Done) {
            Step::Start(target) if this.cancelled => Poll::Ready(Err(this.give_up(target))),
            Step::Adopted(target, armed) if this.cancelled => {
                this.seat.put_armed(armed);
                Poll::Ready(Err(this.give_up(target)))
            }
            Step::Start(target) => this.start(target, cx),
            Step::Adopted(target, armed) => this.adopt(target, armed, cx),
            Step::Own(_) | Step::Done => panic!("a read was polled after it had finished"),
        }
    }
}

impl<S: Deref<Target = Socket>, T: Target> fmt::Debug for Reading<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("seat", &self.seat)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}
