//! What is in the kernel: one writer's own send, or a batch of queued ones.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ringmesh_buf::{IoBuf, Slice};
use ringmesh_op::ops::Send as SendOp;
use ringmesh_op::{AnyBuf, Op, SendBatch, SharedFd, any_buf};

/// How many writers leave in one send. Picked: the cost of a send is spread well before that.
pub(crate) const WRITERS_MAX: usize = 64;

/// How many bytes end a batch. Picked: beyond a socket's usual send buffer a batch only comes back short.
pub(crate) const BATCH_BYTES: usize = 512 * 1024;

/// One writer's bytes.
pub(crate) struct Entry {
    pub(crate) buf: Box<dyn AnyBuf>,
    pub(crate) len: usize,
    /// How many of them went already.
    pub(crate) sent: usize,
    /// Who waits; `None` if the future is gone and the bytes go all the same.
    pub(crate) writer: Option<usize>,
}

/// A send without an owner.
pub(crate) enum Flight {
    Lone(Box<dyn Lone>),
    Batch {
        op: Op<SendBatch>,
        entries: Vec<Waiting>,
    },
}

/// What [`Entry`] is while its buffer is in the kernel.
pub(crate) struct Waiting {
    len: usize,
    sent: usize,
    writer: Option<usize>,
}

/// What a flight came to.
pub(crate) struct Landing {
    /// Whole entries and the remains of those that did not go, in order.
    pub(crate) entries: VecDeque<Entry>,
    /// How many bytes went, or the errno.
    pub(crate) result: Result<usize, i32>,
}

impl Flight {
    /// A batch of `entries`; only the first may have bytes that went already.
    pub(crate) fn batch(fd: &SharedFd, entries: Vec<Entry>) -> Self {
        let skip = entries.first().map_or(0, |first| first.sent);
        debug_assert!(entries.iter().skip(1).all(|later| later.sent == 0));
        let mut bufs = Vec::with_capacity(entries.len());
        let mut waiting = Vec::with_capacity(entries.len());
        for entry in entries {
            waiting.push(Waiting {
                len: entry.len,
                sent: entry.sent,
                writer: entry.writer,
            });
            bufs.push(entry.buf);
        }
        Flight::Batch {
            op: Op::new(SendBatch::new(fd, bufs, skip)),
            entries: waiting,
        }
    }

    /// Whether the send is with the kernel, or on its way there. A first poll may put it off.
    pub(crate) fn is_submitted(&self) -> bool {
        match self {
            Flight::Lone(lone) => lone.is_submitted(),
            Flight::Batch { op, .. } => op.is_submitted(),
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Landing> {
        match self {
            Flight::Lone(lone) => lone.poll(cx),
            Flight::Batch { op, entries } => {
                let (result, bufs) = ready!(Pin::new(op).poll(cx));
                debug_assert_eq!(bufs.len(), entries.len());
                let entries = entries
                    .drain(..)
                    .zip(bufs)
                    .map(|(waiting, buf)| Entry {
                        buf,
                        len: waiting.len,
                        sent: waiting.sent,
                        writer: waiting.writer,
                    })
                    .collect();
                let result = result.map_err(|e| errno(&e));
                Poll::Ready(Landing { entries, result })
            }
        }
    }
}

/// A single writer's send whose future is gone, whatever its buffer's type was.
pub(crate) trait Lone: Send {
    fn is_submitted(&self) -> bool;
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Landing>;
}

/// See [`Lone`].
pub(crate) struct LoneSend<B: IoBuf>(pub(crate) Op<SendOp<Slice<B>>>);

impl<B: IoBuf> Lone for LoneSend<B> {
    fn is_submitted(&self) -> bool {
        self.0.is_submitted()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Landing> {
        let (result, buf) = match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok((n, buf)) => (Ok(n), buf),
            Err(e) => {
                let (error, buf) = e.into_parts();
                (Err(errno(&error)), buf)
            }
        };
        let entry = Entry {
            len: buf.len_init(),
            buf: any_buf(buf),
            sent: 0,
            writer: None,
        };
        Poll::Ready(Landing {
            entries: VecDeque::from([entry]),
            result,
        })
    }
}

/// The errno of a send's error; errors without one (there should be none) read as EIO.
pub(crate) fn errno(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
