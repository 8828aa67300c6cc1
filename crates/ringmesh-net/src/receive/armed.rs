//! A receive that is armed in the kernel and that no future owns.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ringmesh_buf::{BufResult, IoBufMut, Slice};
use ringmesh_op::multishot::{Multi, RecvMulti};
use ringmesh_op::ops::Recv;
use ringmesh_op::{Cancel, Op};

use super::Lease;
use super::target::Target;

/// How a stream stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer sent its last byte.
    Eof,
    /// The kernel's errno.
    Error(i32),
}

impl End {
    /// The errno of `error`; errors without one (there should be none) read as EIO.
    pub(crate) fn of(error: &io::Error) -> Self {
        End::Error(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

/// What an op came to: bytes, then perhaps an end. Neither: it was cancelled before anything arrived.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) bytes: Option<Lease>,
    pub(crate) end: Option<End>,
}

impl Outcome {
    pub(crate) fn bytes(bytes: Lease) -> Self {
        Self {
            bytes: Some(bytes),
            end: None,
        }
    }

    pub(crate) fn end(end: End) -> Self {
        Self {
            bytes: None,
            end: Some(end),
        }
    }

    pub(crate) fn failed(error: &io::Error) -> Self {
        match End::of(error) {
            End::Error(libc::ECANCELED) => Self::default(),
            end => Self::end(end),
        }
    }
}

/// A parked op.
pub(crate) enum Armed {
    /// One receive into somebody's buffer; `bool` says whether its cancel was requested.
    Once(Box<dyn Orphan>, bool),
    /// A multishot receive into leased buffers.
    Multi(Multi<RecvMulti>),
}

impl Armed {
    pub(crate) fn once(orphan: impl Orphan + 'static) -> Self {
        Armed::Once(Box::new(orphan), false)
    }

    /// Nobody waits for a oneshot: request its cancel, once. A multishot stays.
    pub(crate) fn abandon(&mut self) {
        if let Armed::Once(orphan, cancelled @ false) = self {
            orphan.request_cancel();
            *cancelled = true;
        }
    }

    /// The op's next outcome, and the op itself if it may bring more.
    pub(crate) fn poll(mut self, cx: &mut Context<'_>) -> Result<(Outcome, Option<Self>), Self> {
        match &mut self {
            Armed::Once(orphan, _) => match orphan.poll(cx) {
                Poll::Ready(outcome) => Ok((outcome, None)),
                Poll::Pending => Err(self),
            },
            Armed::Multi(multi) => match multi.poll_next(cx) {
                Poll::Pending => Err(self),
                Poll::Ready(None) => Ok((Outcome::end(End::Eof), None)),
                Poll::Ready(Some(Ok(lease))) => {
                    Ok((Outcome::bytes(Lease::ring(lease)), Some(self)))
                }
                Poll::Ready(Some(Err(e))) => Ok((Outcome::failed(&e), None)),
            },
        }
    }
}

impl fmt::Debug for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Armed::Once(_, cancelled) => write!(f, "Once(cancelled: {cancelled})"),
            Armed::Multi(_) => f.write_str("Multi"),
        }
    }
}

/// An op whose future is gone, whatever its buffer's type was.
pub(crate) trait Orphan: Send {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome>;
    fn request_cancel(&self);
}

/// A plain read.
impl<T: Target> Orphan for OrphanRead<T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let outcome = match T::result(ready!(Pin::new(&mut self.0).poll(cx))) {
            Ok((0, _)) => Outcome::end(End::Eof),
            Ok((n, buf)) => Outcome::bytes(Lease::copied(T::from_buf(buf).received(n))),
            Err(e) => Outcome::failed(e.error()),
        };
        Poll::Ready(outcome)
    }

    fn request_cancel(&self) {
        self.0.request_cancel();
    }
}

/// See [`Orphan`].
pub(crate) struct OrphanRead<T: Target>(pub(crate) Op<T::Code>);

/// A read that fills a buffer to a given length, and had some bytes before: they lie in the op's buffer, so
/// its cancel was requested from the start.
pub(crate) struct OrphanFill<B: IoBufMut> {
    pub(crate) op: Cancel<Recv<Slice<B>>>,
    pub(crate) filled: usize,
}

impl<B: IoBufMut> Orphan for OrphanFill<B> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let result: BufResult<usize, Slice<B>> = ready!(Pin::new(&mut self.op).poll(cx));
        let (n, end, buf) = match result {
            Ok((0, buf)) => (0, Some(End::Eof), buf),
            Ok((n, buf)) => (n, None, buf),
            Err(e) => {
                let end = Outcome::failed(e.error()).end;
                (0, end, e.into_parts().1)
            }
        };
        let total = self.filled + n;
        let whole = buf.into_inner();
        let bytes = (total > 0).then(|| Lease::copied(whole.as_slice()[..total].to_vec()));
        Poll::Ready(Outcome { bytes, end })
    }

    fn request_cancel(&self) {}
}
