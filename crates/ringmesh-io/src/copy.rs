use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use crate::{AsyncRead, AsyncWrite, AsyncWriteExt, Split};

/// Copies `reader` to its end into `writer`, flushes, and returns how many bytes went over.
///
/// One buffer goes back and forth: it starts at 16 KiB and doubles up to 256 KiB while reads fill it. `writer` is not
/// shut down.
///
/// Not cancel safe: what was read and not yet written is lost when this is dropped.
///
/// ```
/// use ringmesh_io::copy;
/// # futures_lite::future::block_on(async {
/// let mut out = Vec::new();
/// assert_eq!(copy(&mut &b"bytes"[..], &mut out).await?, 5);
/// assert_eq!(out, b"bytes");
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
pub async fn copy<R, W>(reader: &mut R, writer: &mut W) -> io::Result<u64>
where
    R: AsyncRead + ?Sized,
    W: AsyncWrite + ?Sized,
{
    let mut buf = Vec::with_capacity(FIRST_BUFFER);
    let mut total = 0;
    loop {
        let (n, full) = reader.read(buf).await?;
        if n == 0 {
            writer.flush().await?;
            return Ok(total);
        }
        let (_, back) = writer.write_all(full).await?;
        total += n as u64;
        buf = back;
        if n == buf.capacity() && n < LAST_BUFFER {
            buf = Vec::with_capacity(n * 2);
        }
    }
}

/// Copies both ways at once until both ends have ended, and returns how many bytes went from `a` to `b` and from `b` to
/// `a`.
///
/// When one side ends, the other is shut down for writing, so a half-closed connection goes on in its open direction.
/// The first error ends both directions.
pub async fn copy_bidirectional<A, B>(a: A, b: B) -> io::Result<(u64, u64)>
where
    A: Split,
    B: Split,
{
    let (mut a_read, mut a_write) = a.split_owned();
    let (mut b_read, mut b_write) = b.split_owned();
    let mut there = pin!(copy_and_end(&mut a_read, &mut b_write));
    let mut back = pin!(copy_and_end(&mut b_read, &mut a_write));
    let (mut there_done, mut back_done) = (None, None);
    poll_fn(|cx| {
        if there_done.is_none()
            && let Poll::Ready(n) = there.as_mut().poll(cx)
        {
            there_done = Some(n?);
        }
        if back_done.is_none()
            && let Poll::Ready(n) = back.as_mut().poll(cx)
        {
            back_done = Some(n?);
        }
        match (there_done, back_done) {
            (Some(there), Some(back)) => Poll::Ready(Ok((there, back))),
            _ => Poll::Pending,
        }
    })
    .await
}

async fn copy_and_end<R: AsyncRead, W: AsyncWrite>(
    reader: &mut R,
    writer: &mut W,
) -> io::Result<u64> {
    let total = copy(reader, writer).await?;
    match writer.shutdown().await {
        // The peer has left altogether, after all bytes went over: the copy is done.
        Err(e) if e.kind() == io::ErrorKind::NotConnected => Ok(total),
        other => other.map(|()| total),
    }
}

/// Picked: a header or a small file in one read, without holding much for a slow stream.
const FIRST_BUFFER: usize = 16 * 1024;
/// Picked: beyond it a larger buffer saves no time (a socket rarely has more at once).
const LAST_BUFFER: usize = 256 * 1024;
