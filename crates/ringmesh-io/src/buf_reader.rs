use std::io;
use std::mem;

use ringmesh_buf::{BufResult, IoBuf, IoBufMut};

use crate::read::room;
use crate::{AsyncBufRead, AsyncRead, AsyncWrite};

/// Reads in large pieces and hands them out in small ones.
///
/// A read whose buffer is at least as large as this one's goes past it when nothing is buffered. Writes go straight
/// through, so a `BufReader<TcpStream>` can still answer.
///
/// Cancel safe if the reader below is: its buffer goes along with a dropped read, a new one is made by the next.
#[derive(Debug)]
pub struct BufReader<R> {
    inner: R,
    buf: Vec<u8>,
    pos: usize,
    capacity: usize,
}

impl<R> BufReader<R> {
    /// A reader with a buffer of 8 KiB, allocated by the first read.
    pub fn new(inner: R) -> Self {
        Self::with_capacity(CAPACITY, inner)
    }

    /// A reader with a buffer of `capacity` bytes (at least 1), allocated by the first read.
    pub fn with_capacity(capacity: usize, inner: R) -> Self {
        Self {
            inner,
            buf: Vec::new(),
            pos: 0,
            capacity: capacity.max(1),
        }
    }

    /// What was read ahead and not yet handed out.
    pub fn buffer(&self) -> &[u8] {
        &self.buf[self.pos..]
    }

    /// The reader below.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader below, to be read from directly: that skips what is buffered here.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Gives the reader back. Buffered bytes are lost: take them with [`buffer`](Self::buffer) first.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncRead> AsyncBufRead for BufReader<R> {
    async fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.pos == self.buf.len() {
            self.pos = 0;
            let mut buf = mem::take(&mut self.buf);
            buf.clear();
            buf.reserve(self.capacity);
            match self.inner.read(buf).await {
                Ok((_, buf)) => self.buf = buf,
                Err(e) => {
                    let (error, mut buf) = e.into_parts();
                    buf.clear();
                    self.buf = buf;
                    return Err(error);
                }
            }
        }
        Ok(&self.buf[self.pos..])
    }

    fn consume(&mut self, n: usize) {
        assert!(
            n <= self.buf.len() - self.pos,
            "consumed more than fill_buf showed"
        );
        self.pos += n;
    }
}

impl<R: AsyncRead> AsyncRead for BufReader<R> {
    async fn read<B: IoBufMut>(&mut self, buf: B) -> BufResult<usize, B> {
        let mut buf = room(buf)?;
        if self.buffer().is_empty() && buf.capacity_total() >= self.capacity {
            return self.inner.read(buf).await;
        }
        let seen = match self.fill_buf().await {
            Ok(seen) => seen,
            Err(error) => return Err(ringmesh_buf::BufError::new(error, buf)),
        };
        let n = buf.put_slice(seen);
        self.consume(n);
        Ok((n, buf))
    }
}

impl<R: AsyncWrite> AsyncWrite for BufReader<R> {
    async fn write<B: IoBuf>(&mut self, buf: B) -> BufResult<usize, B> {
        self.inner.write(buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.inner.flush().await
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        self.inner.shutdown().await
    }
}

/// The buffer's size unless told otherwise: std's.
const CAPACITY: usize = 8 * 1024;
