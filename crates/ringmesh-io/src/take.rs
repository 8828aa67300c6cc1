use ringmesh_buf::{BufResult, IoBufMut};

use crate::AsyncRead;
use crate::read::room;

/// A reader that ends after a number of bytes; made by [`AsyncReadExt::take`](crate::AsyncReadExt::take).
#[derive(Debug)]
pub struct Take<R> {
    inner: R,
    left: u64,
}

impl<R> Take<R> {
    pub(crate) fn new(inner: R, limit: u64) -> Self {
        Self { inner, left: limit }
    }

    /// How many bytes may still come.
    pub fn limit(&self) -> u64 {
        self.left
    }

    /// Sets how many bytes may still come.
    pub fn set_limit(&mut self, limit: u64) {
        self.left = limit;
    }

    /// The reader below.
    pub fn get_ref(&self) -> &R {
        &self.inner
    }

    /// The reader below, to be read from directly: such bytes do not count.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Gives the reader back, with whatever was not read still in it.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncRead> AsyncRead for Take<R> {
    async fn read<B: IoBufMut>(&mut self, buf: B) -> BufResult<usize, B> {
        let mut buf = room(buf)?;
        if self.left == 0 {
            return Ok((buf.put_slice(&[]), buf));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        if most >= buf.capacity_total() {
            let (n, buf) = self.inner.read(buf).await?;
            self.left -= n as u64;
            return Ok((n, buf));
        }
        match self.inner.read(buf.limit(most)).await {
            Ok((n, limited)) => {
                self.left -= n as u64;
                Ok((n, limited.into_inner()))
            }
            Err(e) => Err(e.map(|limited| limited.into_inner())),
        }
    }
}
