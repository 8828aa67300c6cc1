//! The bridge to poll-shaped traits.

mod inlet;
mod outlet;

#[cfg(feature = "futures")]
mod futures;
#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "tokio")]
mod tokio;

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::PollSource;
use inlet::Inlet;
use outlet::Outlet;

/// A ringmesh stream with the poll-shaped traits of tokio, futures and hyper (each behind the feature of its name).
///
/// Poll-shaped traits lend their buffer for one call only, which the kernel cannot live with. So `PollIo` reads into a
/// buffer of its own and copies out of it, and copies what is written into a queue: one copy each way.
///
/// * **Reading.** One read is under way at most. It belongs to the `PollIo`, not to the poll that started it: a poll
///   that is dropped, or repeated with a smaller buffer or another task, loses no byte. A read starts with a small
///   buffer (8 KiB), and the next one is larger when the last one was filled and smaller when it was far from it.
/// * **Writing.** The first write goes out at once. What is written while a send is under way is gathered, up to a
///   bound, and goes out in one send after it. The queue moves by itself: nobody has to poll for bytes that were
///   accepted to be sent, and a `PollIo` that is dropped still sends them.
/// * **Errors.** When a send fails, the bytes behind it cannot go either and are dropped, and the error is reported
///   once, by the next write, flush or shutdown.
/// * `flush` waits until everything was sent. `shutdown` (tokio, hyper) and `close` (futures) flush, then end the
///   stream for writing: a socket sends FIN. Reading goes on.
/// * [`into_inner`](Self::into_inner) gives the stream back with the bytes that were read ahead.
///
/// `PollIo` is `Send + Sync + Unpin`. On the traits of this crate ([`AsyncRead`](crate::AsyncRead)) a stream needs no
/// wrapper and no copy.
pub struct PollIo<S: PollSource> {
    source: S,
    inlet: Inlet<S>,
    outlet: Owner<S>,
    limits: Limits,
    ended: bool,
}

/// How much a [`PollIo`] may hold; all in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The buffer of a read on a quiet stream. Default 8 KiB.
    pub read_min: usize,
    /// The buffer of a read on a stream that keeps filling it. Default 64 KiB.
    pub read_max: usize,
    /// What may wait behind the send that is under way, and so the most that one send carries. Default 128 KiB.
    pub write_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // Picked: a request's head fits into 8 KiB; past 64 KiB a larger recv saves nothing; a 64 KiB body and its head
        // go out in one send.
        Self {
            read_min: 8 * 1024,
            read_max: 64 * 1024,
            write_max: 128 * 1024,
        }
    }
}

impl<S: PollSource> PollIo<S> {
    /// Wraps a stream. Allocates no buffer yet.
    pub fn new(source: S) -> Self {
        Self::with_limits(source, Limits::default())
    }

    /// Wraps a stream, with bounds of your own. Each is at least 1.
    pub fn with_limits(source: S, limits: Limits) -> Self {
        let read_min = limits.read_min.max(1);
        let limits = Limits {
            read_min,
            read_max: limits.read_max.max(read_min),
            write_max: limits.write_max.max(1),
        };
        Self {
            inlet: Inlet::new(read_min),
            outlet: Owner(Arc::new(Outlet::new(source.clone()))),
            source,
            limits,
            ended: false,
        }
    }

    /// The stream below. Reading or writing on it directly breaks the order of bytes.
    pub fn get_ref(&self) -> &S {
        &self.source
    }

    /// The bytes that were read ahead and not yet handed out.
    pub fn read_ahead(&self) -> &[u8] {
        self.inlet.seen()
    }

    /// How many bytes were accepted and not yet sent, those of the send under way included.
    pub fn queued(&self) -> usize {
        self.outlet.0.queued()
    }

    /// Gives the stream back, and the bytes that were read ahead.
    ///
    /// A read under way is dropped: what it would have brought comes with the stream's next read. What was accepted for
    /// writing still goes out, before anything that is written to the stream afterwards; its error, if any, is lost:
    /// flush first to know it.
    pub fn into_inner(self) -> (S, Vec<u8>) {
        self.outlet.0.hand_over();
        (self.source, self.inlet.into_seen())
    }

    /// Reads if nothing is there, and shows what is there. Empty: end of file.
    pub(crate) fn poll_seen(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.inlet.poll_seen(&self.source, &self.limits, cx)
    }

    /// Takes the first `n` of the bytes that are there.
    pub(crate) fn consume(&mut self, n: usize) {
        self.inlet.consume(n);
    }

    pub(crate) fn poll_queue(
        &mut self,
        parts: &[IoSlice<'_>],
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the stream was shut down for writing",
            )));
        }
        self.outlet.0.poll_queue(parts, self.limits.write_max, cx)
    }

    pub(crate) fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outlet.0.poll_sent(cx)
    }

    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        std::task::ready!(self.outlet.0.poll_sent(cx))?;
        self.ended = true;
        Poll::Ready(match self.source.end_writing() {
            // The peer has left altogether: there is nobody to tell, and nothing was lost.
            Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(()),
            other => other,
        })
    }
}

/// The `PollIo`'s share of its outlet, which others have too: the wakers of its write.
struct Owner<S: PollSource>(Arc<Outlet<S>>);

impl<S: PollSource> Drop for Owner<S> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl<S: PollSource> From<S> for PollIo<S> {
    fn from(source: S) -> Self {
        Self::new(source)
    }
}

impl<S: PollSource + fmt::Debug> fmt::Debug for PollIo<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PollIo")
            .field("source", &self.source)
            .field("read_ahead", &self.read_ahead().len())
            .field("queued", &self.queued())
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
