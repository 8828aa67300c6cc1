use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::{PollIo, PollSource};

impl<S: PollSource> Read for PollIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let seen = ready!(self.poll_seen(cx))?;
        let n = seen.len().min(buf.remaining());
        buf.put_slice(&seen[..n]);
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl<S: PollSource> Write for PollIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_queue(&[IoSlice::new(buf)], cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_queue(bufs, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    // Tried and not taken: ready as soon as everything is in the send under way. It saves the connection's task one poll
    // an answer, but no enter (2.4 a request on one connection, either way), and would report failures later.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_sent(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(cx)
    }
}
