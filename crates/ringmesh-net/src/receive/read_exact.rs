//! Filling a buffer to a given length, without losing what came if the future is dropped half-way.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ringmesh_buf::{BufError, BufResult, IoBufMut, Slice};
use ringmesh_op::Op;
use ringmesh_op::ops::Recv;

use super::armed::{Armed, OrphanFill, OrphanRead, Outcome};
use super::{End, Flat, Found, Lease, Seat};
use crate::exclusive::Exclusive;
use crate::socket::Socket;

/// The future behind `read_exact`. It keeps the turn until it is done, so that other readers of the same
/// socket get bytes before or after its own, never from between them.
pub(crate) struct Filling<S: Deref<Target = Socket>, B: IoBufMut> {
    step: Exclusive<Step<B>>,
    seat: Seat<S>,
    filled: usize,
    want: usize,
    cancelled: bool,
}

enum Step<B: IoBufMut> {
    Start(B),
    Own(Op<Recv<Slice<B>>>),
    Adopted(B, Armed),
    Done,
}

/// What one step of [`Filling`] came to.
enum Turn<B> {
    More(B),
    Stop(End, B),
}

impl<S: Deref<Target = Socket>, B: IoBufMut> Filling<S, B> {
    pub(crate) const fn new(socket: S, buf: B, want: usize) -> Self {
        Self {
            step: Exclusive::new(Step::Start(buf)),
            seat: Seat::new(socket),
            filled: 0,
            want,
            cancelled: false,
        }
    }

    /// Asks the read to end; what came so far is in the buffer, and the error says how much that is.
    pub(crate) fn request_cancel(&mut self) {
        self.cancelled = true;
        if let Step::Own(op) = self.step.get_mut() {
            op.request_cancel();
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<BufResult<(), B>> {
        loop {
            let turn = match mem::replace(self.step.get_mut(), Step::Done) {
                Step::Start(buf) if self.cancelled => Turn::Stop(End::Error(libc::ECANCELED), buf),
                Step::Adopted(buf, armed) if self.cancelled => {
                    self.seat.put_armed(armed);
                    Turn::Stop(End::Error(libc::ECANCELED), buf)
                }
                Step::Start(buf) => ready!(self.poll_start(buf, cx)),
                Step::Own(op) => ready!(self.poll_own(op, cx)),
                Step::Adopted(buf, armed) => ready!(self.poll_adopted(buf, armed, cx)),
                Step::Done => panic!("read_exact was polled after it had finished"),
            };
            match turn {
                Turn::Stop(end, buf) => return Poll::Ready(Err(self.stop(end, buf))),
                Turn::More(buf) if self.filled < self.want => {
                    *self.step.get_mut() = Step::Start(buf);
                }
                Turn::More(buf) => {
                    self.seat.release();
                    return Poll::Ready(Ok(((), buf)));
                }
            }
        }
    }

    fn poll_start(&mut self, buf: B, cx: &mut Context<'_>) -> Poll<Turn<B>> {
        match self.seat.poll_enter(cx) {
            Poll::Pending => {
                *self.step.get_mut() = Step::Start(buf);
                Poll::Pending
            }
            Poll::Ready(Found::Bytes(bytes)) => Poll::Ready(Turn::More(self.copy(bytes, buf))),
            Poll::Ready(Found::End(end)) => Poll::Ready(Turn::Stop(end, buf)),
            Poll::Ready(Found::Armed(armed)) => self.poll_adopted(buf, armed, cx),
            Poll::Ready(Found::Nothing) => {
                let rest = Slice::new_mut(buf, self.filled..self.want);
                let op = Op::new(Recv::new(self.seat.socket().fd(), rest));
                self.poll_own(op, cx)
            }
        }
    }

    fn poll_own(&mut self, mut op: Op<Recv<Slice<B>>>, cx: &mut Context<'_>) -> Poll<Turn<B>> {
        match Pin::new(&mut op).poll(cx) {
            Poll::Pending => {
                *self.step.get_mut() = Step::Own(op);
                Poll::Pending
            }
            Poll::Ready(Ok((0, buf))) => Poll::Ready(Turn::Stop(End::Eof, buf.into_inner())),
            Poll::Ready(Ok((n, buf))) => {
                self.filled += n;
                Poll::Ready(Turn::More(buf.into_inner()))
            }
            Poll::Ready(Err(e)) => {
                let end = End::of(e.error());
                Poll::Ready(Turn::Stop(end, e.into_parts().1.into_inner()))
            }
        }
    }

    fn poll_adopted(&mut self, buf: B, armed: Armed, cx: &mut Context<'_>) -> Poll<Turn<B>> {
        let (Outcome { bytes, end }, rest) = match armed.poll(cx) {
            Ok(done) => done,
            Err(armed) => {
                *self.step.get_mut() = Step::Adopted(buf, armed);
                return Poll::Pending;
            }
        };
        if let Some(armed) = rest {
            self.seat.put_armed(armed);
        }
        Poll::Ready(match (bytes, end) {
            (None, None) => Turn::More(buf),
            (None, Some(end)) => Turn::Stop(end, buf),
            (Some(bytes), end) => {
                if let Some(end) = end {
                    self.seat.put_end(end);
                }
                Turn::More(self.copy(bytes, buf))
            }
        })
    }

    /// Copies parked bytes behind those that are there, and keeps the rest.
    fn copy(&mut self, mut bytes: Lease, buf: B) -> B {
        let mut rest = Slice::new_mut(buf, self.filled..self.want);
        let n = rest.put_slice(&bytes);
        bytes.advance(n);
        self.filled += n;
        self.seat.put_bytes(bytes);
        rest.into_inner()
    }

    fn stop(&mut self, end: End, buf: B) -> BufError<B> {
        self.seat.release();
        let error = match end {
            End::Eof => io::ErrorKind::UnexpectedEof.into(),
            End::Error(errno) => io::Error::from_raw_os_error(errno),
        };
        BufError::new(error, buf).with_progress(self.filled)
    }

    /// What came so far goes back to the front of the direction.
    fn put_back(&mut self, buf: &B) {
        if self.filled > 0 {
            let bytes = buf.as_slice()[..self.filled].to_vec();
            self.seat.put_bytes(Lease::copied(bytes));
        }
    }
}

impl<S: Deref<Target = Socket>, B: IoBufMut> Drop for Filling<S, B> {
    fn drop(&mut self) {
        if !self.seat.is_holding() {
            return;
        }
        match mem::replace(self.step.get_mut(), Step::Done) {
            Step::Start(buf) => self.put_back(&buf),
            Step::Adopted(buf, armed) => {
                self.put_back(&buf);
                self.seat.put_armed(armed);
            }
            // Whoever waits in line can have what came so far: it lies in the op's buffer, so that must end.
            Step::Own(op) if self.filled > 0 => self.seat.put_armed(Armed::once(OrphanFill {
                op: op.cancel(),
                filled: self.filled,
            })),
            Step::Own(op) if op.is_submitted() => {
                self.seat
                    .put_armed(Armed::once(OrphanRead::<Flat<Slice<B>>>(op)));
            }
            Step::Own(_) => {}
            Step::Done => {}
        }
    }
}

// Nothing in it is pinned: the op keeps what the kernel touches in a cell of its own.
impl<S: Deref<Target = Socket>, B: IoBufMut> Unpin for Filling<S, B> {}

impl<S: Deref<Target = Socket>, B: IoBufMut> Future for Filling<S, B> {
    type Output = BufResult<(), B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let (0, Step::Start(buf)) = (this.filled, this.step.get_mut()) {
            let error = if this.want > buf.capacity_total() {
                Some("read_exact asks for more bytes than its buffer holds")
            } else {
                None
            };
            if error.is_some() || this.want == 0 {
                let Step::Start(mut buf) = mem::replace(this.step.get_mut(), Step::Done) else {
                    unreachable!("matched above")
                };
                return Poll::Ready(match error {
                    Some(text) => {
                        let error = io::Error::new(io::ErrorKind::InvalidInput, text);
                        Err(BufError::new(error, buf))
                    }
                    None => {
                        buf.put_slice(&[]);
                        Ok(((), buf))
                    }
                });
            }
        }
        this.poll_fill(cx)
    }
}

impl<S: Deref<Target = Socket>, B: IoBufMut> fmt::Debug for Filling<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filling")
            .field("seat", &self.seat)
            .field("filled", &self.filled)
            .field("want", &self.want)
            .finish_non_exhaustive()
    }
}
