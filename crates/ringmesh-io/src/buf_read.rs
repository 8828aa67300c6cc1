use std::future::Future;
use std::io;

use crate::{AsyncRead, Lines, SplitOn};

/// A reader that has a buffer of its own, which can be looked at.
///
/// Nothing goes to the kernel here but the reader's own buffer, so what a caller gets is a plain borrow.
pub trait AsyncBufRead: AsyncRead {
    /// The bytes that are there, after reading some if there were none. Empty means end of file.
    fn fill_buf(&mut self) -> impl Future<Output = io::Result<&[u8]>> + Send;

    /// Marks the first `n` bytes that [`fill_buf`](Self::fill_buf) showed as read.
    fn consume(&mut self, n: usize);
}

/// What every [`AsyncBufRead`] can do besides.
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Appends all bytes up to and with `byte`, or up to the end, to `out`. Returns how many; 0 at the end.
    ///
    /// Cancel safe: when this is dropped, `out` holds what was taken so far, and nothing more was.
    fn read_until(
        &mut self,
        byte: u8,
        out: &mut Vec<u8>,
    ) -> impl Future<Output = io::Result<usize>> + Send {
        async move {
            let mut total = 0;
            loop {
                let seen = self.fill_buf().await?;
                let found = seen.iter().position(|&b| b == byte);
                let n = found.map_or(seen.len(), |at| at + 1);
                out.extend_from_slice(&seen[..n]);
                self.consume(n);
                total += n;
                if found.is_some() || n == 0 {
                    return Ok(total);
                }
            }
        }
    }

    /// Appends a line with its `\n` to `out`. Returns how many bytes; 0 at the end. No UTF-8 is `InvalidData`, and the
    /// line is then skipped.
    fn read_line(&mut self, out: &mut String) -> impl Future<Output = io::Result<usize>> + Send {
        async move {
            let mut line = Vec::new();
            let n = self.read_until(b'\n', &mut line).await?;
            let line = std::str::from_utf8(&line)
                .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            out.push_str(line);
            Ok(n)
        }
    }

    /// The stream line by line.
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines::new(self)
    }

    /// The stream piece by piece, cut at `delimiter`.
    fn split_on(self, delimiter: u8) -> SplitOn<Self>
    where
        Self: Sized,
    {
        SplitOn::new(self, delimiter)
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}

impl<R: AsyncBufRead> AsyncBufRead for &mut R {
    fn fill_buf(&mut self) -> impl Future<Output = io::Result<&[u8]>> + Send {
        (**self).fill_buf()
    }

    fn consume(&mut self, n: usize) {
        (**self).consume(n);
    }
}

impl AsyncBufRead for &[u8] {
    async fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self)
    }

    fn consume(&mut self, n: usize) {
        *self = &self[n..];
    }
}
