//! One writer.

use std::fmt;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use ringmesh_buf::{BufError, BufResult, IoBuf, IoVecBuf, Slice};
use ringmesh_op::ops::Send as SendOp;
use ringmesh_op::{AnyBuf, Op, any_buf, any_vec};

use super::batch::LoneSend;
use super::line::Verdict;
use super::queue::Entrance;
use crate::exclusive::Exclusive;
use crate::socket::Socket;

/// The future behind `write` and `write_all`.
pub(crate) struct Writing<S: Deref<Target = Socket>, B: IoBuf> {
    step: Exclusive<Step<B>>,
    socket: S,
    /// Whether a short send goes on.
    whole: bool,
    /// How many bytes went.
    sent: usize,
    cancelled: bool,
}

enum Step<B: IoBuf> {
    Start(Slice<B>),
    Direct(Op<SendOp<Slice<B>>>),
    Queued(usize),
    Done,
}

impl<S: Deref<Target = Socket>, B: IoBuf> Writing<S, B> {
    pub(crate) fn new(socket: S, buf: B, whole: bool) -> Self {
        let end = buf.len_init();
        Self {
            step: Exclusive::new(Step::Start(Slice::new(buf, 0..end))),
            socket,
            whole,
            sent: 0,
            cancelled: false,
        }
    }

    /// Asks the write to end. What is not accepted yet is never sent; the output tells what went.
    pub(crate) fn request_cancel(&mut self) {
        self.cancelled = true;
        match self.step.get_mut() {
            Step::Direct(op) => op.request_cancel(),
            Step::Queued(key) => self.socket.send.cancel(*key),
            Step::Start(_) | Step::Done => {}
        }
    }

    fn start(&mut self, slice: Slice<B>, cx: &mut Context<'_>) -> Poll<BufResult<usize, B>> {
        if self.cancelled {
            return Poll::Ready(Err(self.failure(libc::ECANCELED, slice.into_inner())));
        }
        if slice.len_init() == 0 {
            return Poll::Ready(Ok((0, slice.into_inner())));
        }
        match self.socket.send.enter() {
            Entrance::Direct => self.send(slice, cx),
            Entrance::Failed(errno) => Poll::Ready(Err(self.failure(errno, slice.into_inner()))),
            Entrance::Busy => {
                let len = slice.len_init();
                let waker = cx.waker().clone();
                let key = self.socket.send.enqueue(any_buf(slice), len, waker);
                *self.step.get_mut() = Step::Queued(key);
                // It may have been sent by now.
                self.poll_queued(key, cx)
            }
        }
    }

    fn send(&mut self, slice: Slice<B>, cx: &mut Context<'_>) -> Poll<BufResult<usize, B>> {
        let op = Op::new(SendOp::new(self.socket.fd(), slice));
        *self.step.get_mut() = Step::Direct(op);
        self.poll_direct(cx)
    }

    fn poll_direct(&mut self, cx: &mut Context<'_>) -> Poll<BufResult<usize, B>> {
        loop {
            let step = self.step.get_mut();
            let Step::Direct(op) = step else {
                unreachable!("only called with an op of our own")
            };
            let Poll::Ready(result) = Pin::new(op).poll(cx) else {
                return Poll::Pending;
            };
            *step = Step::Done;
            match result {
                Ok((n, slice)) => {
                    self.sent += n;
                    let rest = slice.len_init() - n;
                    if rest > 0 && n > 0 && self.whole && !self.cancelled {
                        let (begin, end) = (slice.end() - rest, slice.end());
                        let slice = Slice::new(slice.into_inner(), begin..end);
                        let op = Op::new(SendOp::new(self.socket.fd(), slice));
                        *self.step.get_mut() = Step::Direct(op);
                        continue;
                    }
                    self.socket.send.finish_direct();
                    let buf = slice.into_inner();
                    if rest > 0 && self.whole {
                        let errno = if self.cancelled {
                            libc::ECANCELED
                        } else {
                            libc::EPIPE
                        };
                        return Poll::Ready(Err(self.failure(errno, buf)));
                    }
                    return Poll::Ready(Ok((self.sent, buf)));
                }
                Err(e) => {
                    self.socket.send.finish_direct();
                    let (error, slice) = e.into_parts();
                    let e = BufError::new(error, slice.into_inner()).with_progress(self.sent);
                    return Poll::Ready(Err(e));
                }
            }
        }
    }

    fn poll_queued(&mut self, key: usize, cx: &mut Context<'_>) -> Poll<BufResult<usize, B>> {
        let Poll::Ready(verdict) = self.socket.send.poll_verdict(key, cx) else {
            return Poll::Pending;
        };
        *self.step.get_mut() = Step::Done;
        let (error, sent, buf) = unpack::<Slice<B>>(verdict);
        self.sent = sent;
        let buf = buf.into_inner();
        Poll::Ready(match error {
            None => Ok((sent, buf)),
            Some(error) => Err(BufError::new(error, buf).with_progress(sent)),
        })
    }

    fn failure(&self, errno: i32, buf: B) -> BufError<B> {
        BufError::new(io::Error::from_raw_os_error(errno), buf).with_progress(self.sent)
    }
}

impl<S: Deref<Target = Socket>, B: IoBuf> Drop for Writing<S, B> {
    fn drop(&mut self) {
        match mem::replace(self.step.get_mut(), Step::Done) {
            // A part of the message went already, or may have: the rest follows.
            Step::Direct(op) if op.is_submitted() || self.sent > 0 => {
                self.socket.send.adopt(Box::new(LoneSend(op)));
            }
            Step::Direct(op) => {
                drop(op);
                self.socket.send.finish_direct();
            }
            Step::Queued(key) => self.socket.send.detach(key),
            Step::Start(_) | Step::Done => {}
        }
    }
}

// Nothing in it is pinned: the op keeps what the kernel touches in a cell of its own.
impl<S: Deref<Target = Socket>, B: IoBuf> Unpin for Writing<S, B> {}

impl<S: Deref<Target = Socket>, B: IoBuf> Future for Writing<S, B> {
    type Output = BufResult<usize, B>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.step.get_mut() {
            Step::Direct(_) => return this.poll_direct(cx),
            Step::Queued(key) => {
                let key = *key;
                return this.poll_queued(key, cx);
            }
            Step::Start(_) | Step::Done => {}
        }
        match mem::replace(this.step.get_mut(), Step::Done) {
            Step::Start(slice) => this.start(slice, cx),
            _ => panic!("a write was polled after it had finished"),
        }
    }
}

impl<S: Deref<Target = Socket>, B: IoBuf> fmt::Debug for Writing<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writing")
            .field("queue", &self.socket.send)
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

/// The future behind `write_vectored`: a list goes through the queue, so that its unsent rest can go on
/// in the middle of a buffer.
pub(crate) struct Listed<S: Deref<Target = Socket>, V: IoVecBuf> {
    step: Exclusive<ListStep<V>>,
    socket: S,
}

enum ListStep<V> {
    Start(V),
    Queued(usize, PhantomData<V>),
    Done,
}

impl<S: Deref<Target = Socket>, V: IoVecBuf> Listed<S, V> {
    pub(crate) const fn new(socket: S, list: V) -> Self {
        Self {
            step: Exclusive::new(ListStep::Start(list)),
            socket,
        }
    }

    /// See [`Writing::request_cancel`].
    pub(crate) fn request_cancel(&mut self) {
        if let ListStep::Queued(key, _) = self.step.get_mut() {
            self.socket.send.cancel(*key);
        }
    }

    fn start(&mut self, list: V, cx: &mut Context<'_>) -> Poll<BufResult<usize, V>> {
        let len = list.total_len();
        if len == 0 {
            return Poll::Ready(Ok((0, list)));
        }
        match self.socket.send.enter() {
            Entrance::Failed(errno) => {
                let error = io::Error::from_raw_os_error(errno);
                Poll::Ready(Err(BufError::new(error, list)))
            }
            Entrance::Direct => {
                let key = self
                    .socket
                    .send
                    .enqueue(any_vec(list), len, cx.waker().clone());
                *self.step.get_mut() = ListStep::Queued(key, PhantomData);
                self.socket.send.finish_direct();
                self.poll_queued(key, cx)
            }
            Entrance::Busy => {
                let key = self
                    .socket
                    .send
                    .enqueue(any_vec(list), len, cx.waker().clone());
                *self.step.get_mut() = ListStep::Queued(key, PhantomData);
                self.poll_queued(key, cx)
            }
        }
    }

    fn poll_queued(&mut self, key: usize, cx: &mut Context<'_>) -> Poll<BufResult<usize, V>> {
        let Poll::Ready(verdict) = self.socket.send.poll_verdict(key, cx) else {
            return Poll::Pending;
        };
        *self.step.get_mut() = ListStep::Done;
        let (error, sent, list) = unpack::<V>(verdict);
        Poll::Ready(match error {
            None => Ok((sent, list)),
            Some(error) => Err(BufError::new(error, list).with_progress(sent)),
        })
    }
}

impl<S: Deref<Target = Socket>, V: IoVecBuf> Drop for Listed<S, V> {
    fn drop(&mut self) {
        if let ListStep::Queued(key, _) = self.step.get_mut() {
            self.socket.send.detach(*key);
        }
    }
}

// See `Writing`.
impl<S: Deref<Target = Socket>, V: IoVecBuf> Unpin for Listed<S, V> {}

impl<S: Deref<Target = Socket>, V: IoVecBuf> Future for Listed<S, V> {
    type Output = BufResult<usize, V>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let ListStep::Queued(key, _) = this.step.get_mut() {
            let key = *key;
            return this.poll_queued(key, cx);
        }
        match mem::replace(this.step.get_mut(), ListStep::Done) {
            ListStep::Start(list) => this.start(list, cx),
            _ => panic!("a write was polled after it had finished"),
        }
    }
}

impl<S: Deref<Target = Socket>, V: IoVecBuf> fmt::Debug for Listed<S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listed")
            .field("queue", &self.socket.send)
            .finish_non_exhaustive()
    }
}

/// The typed buffer comes back out of the queue.
fn unpack<T: 'static>(verdict: Verdict) -> (Option<io::Error>, usize, T) {
    let error = verdict.error();
    let buf: Box<dyn AnyBuf> = verdict.buf.expect("a writer's verdict carries its buffer");
    let buf = buf.into_any().downcast::<T>();
    let Ok(buf) = buf else {
        unreachable!("the buffer has the type that was put in")
    };
    (error, verdict.sent, *buf)
}
