use std::future::Future;
use std::io;

use ringmesh_buf::{BufError, BufResult, IoBuf};

/// Writes bytes from buffers that it owns for as long as the write takes.
///
/// The buffer goes in by value and comes back with the result, also with an error, unchanged. A `write` may be short;
/// [`write_all`](AsyncWriteExt::write_all) is not.
///
/// ```
/// use ringmesh_io::{AsyncRead, AsyncWrite, AsyncWriteExt, duplex};
/// # futures_lite::future::block_on(async {
/// let (mut near, mut far) = duplex(64);
/// let (_, line) = near.write_all(String::from("hello\n")).await?;
/// assert_eq!(line, "hello\n"); // given back, ready to be used again
/// near.shutdown().await?;
/// assert_eq!(far.read(vec![0; 16]).await?.0, 6);
/// assert_eq!(far.read(vec![0; 16]).await?.0, 0); // end of file
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not implement ringmesh's `AsyncWrite`",
    note = "ringmesh's traits take the buffer by value; a type that implements tokio's or futures' `AsyncWrite` does not implement this one"
)]
pub trait AsyncWrite: Send {
    /// Writes some of `buf` and gives it back with the count. `Ok(0)` only for an empty buffer.
    fn write<B: IoBuf>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send;

    /// Hands everything that was written so far to what lies below. Sockets and files have nothing to do here.
    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        async { Ok(()) }
    }

    /// Flushes, then ends the stream for writing: a socket's peer reads end of file. Reading goes on.
    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send;
}

/// What every [`AsyncWrite`] can do besides.
pub trait AsyncWriteExt: AsyncWrite {
    /// Writes all of `buf`.
    ///
    /// The error's `progress` says how many bytes went before it. A stream that takes no byte is `WriteZero`.
    ///
    /// Not cancel safe: a dropped `write_all` may have written any prefix.
    fn write_all<B: IoBuf>(&mut self, buf: B) -> impl Future<Output = BufResult<(), B>> + Send {
        async move {
            let total = buf.len_init();
            let mut buf = buf;
            let mut done = 0;
            while done < total {
                // The common case writes the buffer itself: a slice of it only after a short write.
                let result = if done == 0 {
                    self.write(buf).await
                } else {
                    match self.write(buf.slice(done..total)).await {
                        Ok((n, slice)) => Ok((n, slice.into_inner())),
                        Err(e) => Err(e.map(|slice| slice.into_inner())),
                    }
                };
                match result {
                    Ok((0, buf)) => {
                        let error = io::Error::from(io::ErrorKind::WriteZero);
                        return Err(BufError::new(error, buf).with_progress(done));
                    }
                    Ok((n, back)) => {
                        done += n;
                        buf = back;
                    }
                    Err(e) => {
                        let done = done + e.progress();
                        return Err(e.with_progress(done));
                    }
                }
            }
            Ok(((), buf))
        }
    }
}

impl<W: AsyncWrite + ?Sized> AsyncWriteExt for W {}

impl<W: AsyncWrite> AsyncWrite for &mut W {
    fn write<B: IoBuf>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        (**self).write(buf)
    }

    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        (**self).flush()
    }

    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        (**self).shutdown()
    }
}

impl<W: AsyncWrite> AsyncWrite for Box<W> {
    fn write<B: IoBuf>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        (**self).write(buf)
    }

    fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        (**self).flush()
    }

    fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        (**self).shutdown()
    }
}

/// Appends to the vector; never fails, never ends.
impl AsyncWrite for Vec<u8> {
    async fn write<B: IoBuf>(&mut self, buf: B) -> BufResult<usize, B> {
        self.extend_from_slice(buf.as_slice());
        Ok((buf.len_init(), buf))
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}
