//! Cancelling an op and waiting for what came of it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use crate::{
    op::Op,
    opcode::{OpCode, Res},
};

/// The future of [`Op::cancel`]: the op's output, whatever the cancel made of it.
///
/// An op that was done before the cancel reached it gives its result. Otherwise the output is an `ECANCELED` error that carries the
/// buffer. Dropping this future leaves the rest to the op's orphan handler, as dropping the op does.
#[derive(Debug)]
#[must_use = "the result and the buffer are in here"]
pub struct Cancel<T: OpCode> {
    /// `Err` if the op was never polled.
    op: Result<Op<T>, Option<T>>,
}

impl<T: OpCode> Unpin for Cancel<T> {}

impl<T: OpCode> Cancel<T> {
    pub(crate) fn new(op: Op<T>) -> Self {
        op.request_cancel();
        Self {
            op: match op.into_unpolled() {
                Ok(op) => Err(Some(op)),
                Err(op) => Ok(op),
            },
        }
    }
}

impl<T: OpCode> Future for Cancel<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        match &mut self.get_mut().op {
            Ok(op) => {
                let (op, res) = ready!(op.poll_parts(cx));
                // SAFETY: `poll_parts` gives an op with its own result.
                Poll::Ready(unsafe { op.complete(res) })
            }
            Err(unpolled) => match unpolled.take() {
                // SAFETY: an errno in the place of a result.
                Some(op) => Poll::Ready(unsafe { op.complete(Res::cancelled()) }),
                None => panic!("ringmesh {}: polled after it had completed", T::NAME),
            },
        }
    }
}
