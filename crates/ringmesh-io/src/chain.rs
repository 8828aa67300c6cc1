use ringmesh_buf::{BufResult, IoBufMut};

use crate::AsyncRead;

/// Two readers, one after the other; made by [`AsyncReadExt::chain`](crate::AsyncReadExt::chain).
#[derive(Debug)]
pub struct Chain<A, B> {
    first: A,
    second: B,
    first_ended: bool,
}

impl<A, B> Chain<A, B> {
    pub(crate) fn new(first: A, second: B) -> Self {
        Self {
            first,
            second,
            first_ended: false,
        }
    }

    /// Both readers.
    pub fn get_ref(&self) -> (&A, &B) {
        (&self.first, &self.second)
    }

    /// Gives both readers back.
    pub fn into_inner(self) -> (A, B) {
        (self.first, self.second)
    }
}

impl<A: AsyncRead, B: AsyncRead> AsyncRead for Chain<A, B> {
    async fn read<T: IoBufMut>(&mut self, buf: T) -> BufResult<usize, T> {
        if self.first_ended {
            return self.second.read(buf).await;
        }
        let (n, buf) = self.first.read(buf).await?;
        if n > 0 {
            return Ok((n, buf));
        }
        self.first_ended = true;
        self.second.read(buf).await
    }
}
