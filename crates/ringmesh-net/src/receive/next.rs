//! The next lease of a multishot receive.

use std::fmt;
use std::future::Future;
use std::io;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use ringmesh_op::Op;
use ringmesh_op::multishot::{Multi, RecvMulti};
use ringmesh_op::ops::Recv;

use super::armed::{Armed, Outcome};
use super::{End, Found, Lease, Seat};
use crate::exclusive::Exclusive;
use crate::socket::Socket;

/// What one read takes while the shard's provided buffers are all out on loan: one such buffer.
/// Picked to equal the default buffer size of the group.
const DRY_READ_BYTES: usize = 16 * 1024;

/// The future behind `recv()`. The multishot belongs to the direction: this only takes the next item.
pub(crate) struct Next<S: Deref<Target = Socket>> {
    step: Exclusive<Step>,
    seat: Seat<S>,
}

enum Step {
    Start,
    Adopted(Armed),
    /// The buffer group is dry: one receive into memory of our own.
    Own(Op<Recv<Vec<u8>>>),
    Done,
}

impl<S: Deref<Target = Socket>> Next<S> {
    pub(crate) const fn new(socket: S) -> Self {
        Self {
            step: Exclusive::new(Step::Start),
            seat: Seat::new(socket),
        }
    }

    fn poll_start(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Lease>>> {
        match self.seat.poll_enter(cx) {
            Poll::Pending => {
                *self.step.get_mut() = Step::Start;
                Poll::Pending
            }
            Poll::Ready(Found::Bytes(bytes)) => {
                self.seat.release();
                Poll::Ready(Ok(Some(bytes)))
            }
            Poll::Ready(Found::End(end)) => Poll::Ready(self.finish(end)),
            Poll::Ready(Found::Armed(armed)) => self.poll_adopted(armed, cx),
            Poll::Ready(Found::Nothing) => {
                let multi = Multi::new(RecvMulti::new(self.seat.socket().fd()));
                self.poll_adopted(Armed::Multi(multi), cx)
            }
        }
    }

    fn poll_adopted(
        &mut self,
        armed: Armed,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Lease>>> {
        let was_multi = matches!(armed, Armed::Multi(_));
        let (Outcome { bytes, end }, rest) = match armed.poll(cx) {
            Ok(done) => done,
            Err(armed) => {
                *self.step.get_mut() = Step::Adopted(armed);
                return Poll::Pending;
            }
        };
        if let Some(armed) = rest {
            self.seat.put_armed(armed);
        }
        match (bytes, end) {
            (Some(bytes), end) => {
                if let Some(end) = end {
                    self.seat.put_end(end);
                }
                self.seat.release();
                Poll::Ready(Ok(Some(bytes)))
            }
            (None, Some(End::Error(libc::ENOBUFS))) if was_multi => {
                let buf = Vec::with_capacity(DRY_READ_BYTES);
                self.poll_own(Op::new(Recv::new(self.seat.socket().fd(), buf)), cx)
            }
            (None, Some(end)) => Poll::Ready(self.finish(end)),
            (None, None) => self.poll_start(cx),
        }
    }

    fn poll_own(
        &mut self,
        mut op: Op<Recv<Vec<u8>>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<Lease>>> {
        let Poll::Ready(result) = Pin::new(&mut op).poll(cx) else {
            *self.step.get_mut() = Step::Own(op);
            return Poll::Pending;
        };
        self.seat.release();
        Poll::Ready(match result {
            Ok((0, _)) => Ok(None),
            Ok((_, bytes)) => Ok(Some(Lease::copied(bytes))),
            Err(e) => Err(e.into()),
        })
    }

    fn finish(&mut self, end: End) -> io::Result<Option<Lease>> {
        self.seat.release();
        match end {
            End::Eof => Ok(None),
            End::Error(errno) => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

impl<S: Deref<Target = Socket>> Drop for Next<S> {
    fn drop(&mut self) {
        match mem::replace(self.step.get_mut(), Step::Done) {
            Step::Adopted(armed) => self.seat.put_armed(armed),
            Step::Own(op) if op.is_submitted() => self.seat.put_armed(Armed::once(
                super::armed::OrphanRead::<super::Flat<Vec<u8>>>(op),
            )),
            _ => {}
        }
    }
}

impl<S: Deref<Target = Socket>> Unpin for Next<S> {}

impl<S: Deref<Target = Socket>> Future for Next<S> {
    type Output = io::Result<Option<Lease>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match mem::replace(this.step.get_mut(), Step::Done) {
            Step::Start => this.poll_start(cx),
            Step::Adopted(armed) => this.poll_adopted(armed, cx),
            Step::Own(op) => this.poll_own(op, cx),
            Step::Done => panic!("recv was polled after it had finished"),
        }
    }
}

impl<S: Deref<Target = Socket>> fmt::Debug for Next<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}
