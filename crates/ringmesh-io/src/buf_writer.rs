use std::io;
use std::mem;

use ringmesh_buf::{BufError, BufResult, IoBuf, IoBufMut};

use crate::{AsyncRead, AsyncWrite, AsyncWriteExt};

/// Gathers small writes and passes them on in large ones.
///
/// A write that is at least as large as the buffer goes past it, after what was gathered. **Flush or shut down at the
/// end**: a `BufWriter` that is dropped has no way to wait for its last write, and what it still holds is lost.
///
/// Not cancel safe while it flushes: when that future is dropped nobody can say how much went out, so every later
/// call fails with `BrokenPipe` instead of tearing the stream.
#[derive(Debug)]
pub struct BufWriter<W> {
    inner: W,
    buf: Vec<u8>,
    capacity: usize,
    flushing: bool,
}

impl<W> BufWriter<W> {
    /// A writer with a buffer of 8 KiB, allocated by the first write.
    pub fn new(inner: W) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// A writer with a buffer of `capacity` bytes, allocated by the first write.
    pub fn with_capacity(capacity: usize, inner: W) -> Self {
        Self {
            inner,
            buf: Vec::new(),
            capacity,
            flushing: false,
        }
    }

    /// What was gathered and not yet passed on.
    pub fn buffer(&self) -> &[u8] {
        &self.buf
    }

    /// The writer below.
    pub fn get_ref(&self) -> &W {
        &self.inner
    }

    /// The writer below, to be written to directly: that overtakes what is gathered here.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Gives the writer back, with what was not passed on.
    pub fn into_parts(self) -> (W, Vec<u8>) {
        (self.inner, self.buf)
    }
}

impl<W: AsyncWrite> BufWriter<W> {
    /// Passes on what was gathered. After an error the bytes that did not go stay here.
    async fn pass_on(&mut self) -> io::Result<()> {
        if self.flushing {
            return Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "a flush of this writer was dropped half-way",
            ));
        }
        if self.buf.is_empty() {
            return Ok(());
        }
        self.flushing = true;
        let result = self.inner.write_all(mem::take(&mut self.buf)).await;
        self.flushing = false;
        match result {
            Ok((_, mut buf)) => {
                buf.clear();
                self.buf = buf;
                Ok(())
            }
            Err(e) => {
                let sent = e.progress();
                let (error, mut buf) = e.into_parts();
                buf.drain(..sent);
                self.buf = buf;
                Err(error)
            }
        }
    }
}

impl<W: AsyncWrite> AsyncWrite for BufWriter<W> {
    async fn write<B: IoBuf>(&mut self, buf: B) -> BufResult<usize, B> {
        let n = buf.len_init();
        let full = self.flushing || self.buf.len() + n > self.capacity;
        if full && let Err(error) = self.pass_on().await {
            return Err(BufError::new(error, buf));
        }
        if n >= self.capacity {
            return self.inner.write(buf).await;
        }
        if self.buf.capacity() == 0 {
            self.buf.reserve_exact(self.capacity);
        }
        self.buf.extend_from_slice(buf.as_slice());
        Ok((n, buf))
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.pass_on().await?;
        self.inner.flush().await
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        self.pass_on().await?;
        self.inner.shutdown().await
    }
}

impl<W: AsyncRead> AsyncRead for BufWriter<W> {
    async fn read<B: IoBufMut>(&mut self, buf: B) -> BufResult<usize, B> {
        self.inner.read(buf).await
    }
}

/// The buffer's size unless told otherwise: std's.
const CAPACITY: usize = 8 * 1024;
