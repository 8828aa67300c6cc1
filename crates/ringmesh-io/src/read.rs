use std::future::Future;
use std::io;

use ringmesh_buf::{Append, BufError, BufResult, IoBufMut, Slice};

use crate::{Chain, Take};

/// Reads bytes into buffers that it owns for as long as the read takes.
///
/// The buffer goes in by value and comes back with the result, also with an error. A successful `read` starts at the
/// buffer's first byte and never writes past its capacity; a growable buffer (`Vec<u8>`) comes back with `len == n`, a
/// fixed one keeps its length. `Ok(0)` means end of file and nothing else: a buffer without room is `InvalidInput`.
///
/// # Cancel safety
///
/// For the sockets of `ringmesh-net` and for [`Duplex`](crate::Duplex) a dropped read loses no byte: what arrived after
/// the drop is the first thing that the next read returns. The dropped read's buffer is gone. The wrappers in this crate
/// keep that promise when what they wrap keeps it.
///
/// ```
/// use ringmesh_io::{AsyncRead, AsyncWrite, duplex};
/// # futures_lite::future::block_on(async {
/// let (mut near, mut far) = duplex(64);
/// near.write("four").await?;
/// let (n, buf) = far.read(Vec::with_capacity(16)).await?;
/// assert_eq!((n, buf.as_slice()), (4, &b"four"[..]));
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement ringmesh's `AsyncRead`",
    note = "ringmesh's traits take the buffer by value; a type that implements tokio's or futures' `AsyncRead` does not implement this one"
)]
pub trait AsyncRead: Send {
    /// Reads some bytes into `buf` from its start, and gives both back.
    fn read<B: IoBufMut>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send;
}

/// What every [`AsyncRead`] can do besides.
pub trait AsyncReadExt: AsyncRead {
    /// Reads into the buffer's spare room, after the bytes that it holds already. `n` counts the new bytes.
    ///
    /// A buffer that has no spare room is `InvalidInput`.
    fn read_append<B: IoBufMut>(
        &mut self,
        buf: B,
    ) -> impl Future<Output = BufResult<usize, B>> + Send {
        async move {
            match self.read(Append::new(buf)).await {
                Ok((n, appended)) => Ok((n, appended.into_inner())),
                Err(e) => Err(e.map(Append::into_inner)),
            }
        }
    }

    /// Reads exactly `n` bytes to the start of `buf`.
    ///
    /// Fails with `UnexpectedEof` when the stream ends before, with `InvalidInput` when `buf` has no room for `n`. The
    /// error's `progress` says how many bytes were read; they stand at the start of the buffer that comes back.
    ///
    /// Not cancel safe: bytes read by an earlier step are lost with the buffer when this is dropped.
    fn read_exact<B: IoBufMut>(
        &mut self,
        buf: B,
        n: usize,
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
                match self.read(Slice::new_mut(buf, filled..n)).await {
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

    /// Reads to the end of the stream and appends to `buf`, which grows as needed. `n` counts the new bytes.
    fn read_to_end(
        &mut self,
        buf: Vec<u8>,
    ) -> impl Future<Output = BufResult<usize, Vec<u8>>> + Send {
        async move {
            let before = buf.len();
            let mut buf = buf;
            let mut step = FIRST_STEP;
            loop {
                if buf.capacity() == buf.len() {
                    buf.reserve(step);
                    step = (step * 2).min(LAST_STEP);
                }
                match self.read_append(buf).await {
                    Ok((0, all)) => return Ok((all.len() - before, all)),
                    Ok((_, more)) => buf = more,
                    Err(e) => {
                        let (error, buf) = e.into_parts();
                        let progress = buf.len() - before;
                        return Err(BufError::new(error, buf).with_progress(progress));
                    }
                }
            }
        }
    }

    /// Reads to the end of the stream as UTF-8. Anything else is `InvalidData`.
    fn read_to_string(&mut self) -> impl Future<Output = io::Result<String>> + Send {
        async move {
            let (_, bytes) = self.read_to_end(Vec::new()).await?;
            String::from_utf8(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
        }
    }

    /// Ends after `limit` bytes.
    fn take(self, limit: u64) -> Take<Self>
    where
        Self: Sized,
    {
        Take::new(self, limit)
    }

    /// Goes on with `next` where this one ends.
    fn chain<R: AsyncRead>(self, next: R) -> Chain<Self, R>
    where
        Self: Sized,
    {
        Chain::new(self, next)
    }
}

impl<R: AsyncRead + ?Sized> AsyncReadExt for R {}

impl<R: AsyncRead> AsyncRead for &mut R {
    fn read<B: IoBufMut>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        (**self).read(buf)
    }
}

impl<R: AsyncRead> AsyncRead for Box<R> {
    fn read<B: IoBufMut>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        (**self).read(buf)
    }
}

/// Reads from the front of the slice and moves it on.
impl AsyncRead for &[u8] {
    async fn read<B: IoBufMut>(&mut self, buf: B) -> BufResult<usize, B> {
        let mut buf = room(buf)?;
        let n = buf.put_slice(self);
        *self = &self[n..];
        Ok((n, buf))
    }
}

/// `Err(InvalidInput)` for a buffer that can hold nothing, so that `Ok(0)` keeps its one meaning.
pub(crate) fn room<B: IoBufMut>(buf: B) -> Result<B, BufError<B>> {
    if buf.capacity_total() == 0 {
        let error = io::Error::new(
            io::ErrorKind::InvalidInput,
            "a read needs a buffer with room",
        );
        return Err(BufError::new(error, buf));
    }
    Ok(buf)
}

/// `read_to_end` asks for this much first, then doubles: picked, small enough for a header, cheap to outgrow.
const FIRST_STEP: usize = 8 * 1024;
/// And for this much at most in one step: picked, past it a bigger read saves nothing.
const LAST_STEP: usize = 1024 * 1024;
