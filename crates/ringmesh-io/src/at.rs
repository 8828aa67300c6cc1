use std::future::Future;
use std::io;

use ringmesh_buf::{Append, BufError, BufResult, IoBuf, IoBufMut, Slice};

/// Reads at a position, without a cursor: many reads may be under way at once.
///
/// The buffer rules are those of [`AsyncRead`](crate::AsyncRead).
pub trait AsyncReadAt: Send + Sync {
    /// Reads some bytes from `offset` on into `buf`, from its start.
    fn read_at<B: IoBufMut>(
        &self,
        buf: B,
        offset: u64,
    ) -> impl Future<Output = BufResult<usize, B>> + Send;
}

/// What every [`AsyncReadAt`] can do besides.
pub trait AsyncReadAtExt: AsyncReadAt {
    /// Reads exactly `n` bytes from `offset` on; `UnexpectedEof` when there are fewer.
    fn read_exact_at<B: IoBufMut>(
        &self,
        buf: B,
        n: usize,
        offset: u64,
    ) -> impl Future<Output = BufResult<(), B>> + Send {
        async move {
            if n > buf.capacity_total() {
                let error = io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the buffer has no room for that many bytes",
                );
                return Err(BufError::new(error, buf));
            }
            let mut buf = buf;
            let mut filled = 0;
            while filled < n {
                match self
                    .read_at(
                        Slice::new_mut(buf, filled..n),
                        offset.saturating_add(filled as u64),
                    )
                    .await
                {
                    Ok((0, slice)) => {
                        let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                        return Err(BufError::new(error, slice.into_inner()).with_progress(filled));
                    }
                    Ok((read, slice)) => {
                        filled += read;
                        buf = slice.into_inner();
                    }
                    Err(e) => return Err(e.map(|slice| slice.into_inner()).with_progress(filled)),
                }
            }
            Ok(((), buf))
        }
    }

    /// Appends everything from `offset` to the end to `buf`, which grows as needed. `n` counts the new bytes.
    fn read_to_end_at(
        &self,
        buf: Vec<u8>,
        offset: u64,
    ) -> impl Future<Output = BufResult<usize, Vec<u8>>> + Send {
        async move {
            let before = buf.len();
            let mut buf = buf;
            loop {
                if buf.capacity() == buf.len() {
                    buf.reserve(STEP);
                }
                let done = buf.len() - before;
                match self
                    .read_at(Append::new(buf), offset.saturating_add(done as u64))
                    .await
                {
                    Ok((0, all)) => return Ok((done, all.into_inner())),
                    Ok((_, more)) => buf = more.into_inner(),
                    Err(e) => return Err(e.map(Append::into_inner).with_progress(done)),
                }
            }
        }
    }
}

impl<R: AsyncReadAt + ?Sized> AsyncReadAtExt for R {}

/// Writes at a position, without a cursor.
pub trait AsyncWriteAt: Send + Sync {
    /// Writes some of `buf` at `offset`.
    fn write_at<B: IoBuf>(
        &self,
        buf: B,
        offset: u64,
    ) -> impl Future<Output = BufResult<usize, B>> + Send;
}

/// What every [`AsyncWriteAt`] can do besides.
pub trait AsyncWriteAtExt: AsyncWriteAt {
    /// Writes all of `buf` at `offset`. The error's `progress` says how many bytes went before it.
    fn write_all_at<B: IoBuf>(
        &self,
        buf: B,
        offset: u64,
    ) -> impl Future<Output = BufResult<(), B>> + Send {
        async move {
            let total = buf.len_init();
            let mut buf = buf;
            let mut done = 0;
            while done < total {
                match self
                    .write_at(buf.slice(done..total), offset.saturating_add(done as u64))
                    .await
                {
                    Ok((0, slice)) => {
                        let error = io::Error::from(io::ErrorKind::WriteZero);
                        return Err(BufError::new(error, slice.into_inner()).with_progress(done));
                    }
                    Ok((n, slice)) => {
                        done += n;
                        buf = slice.into_inner();
                    }
                    Err(e) => {
                        let done = done + e.progress();
                        return Err(e.map(|slice| slice.into_inner()).with_progress(done));
                    }
                }
            }
            Ok(((), buf))
        }
    }
}

impl<W: AsyncWriteAt + ?Sized> AsyncWriteAtExt for W {}

impl AsyncReadAt for [u8] {
    async fn read_at<B: IoBufMut>(&self, buf: B, offset: u64) -> BufResult<usize, B> {
        let mut buf = crate::read::room(buf)?;
        let start = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.len());
        Ok((buf.put_slice(&self[start..]), buf))
    }
}

/// `read_to_end_at` grows by this much: picked, one large read of a file.
const STEP: usize = 64 * 1024;
