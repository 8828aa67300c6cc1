use std::future::Future;

use ringmesh_buf::{BufResult, IoVecBuf, IoVecBufMut};

use crate::{AsyncRead, AsyncWrite};

/// Reads into several buffers in one request to the kernel.
pub trait AsyncReadVectored: AsyncRead {
    /// Fills one buffer after the other with what is there, and gives all back with the count.
    fn read_vectored<V: IoVecBufMut>(
        &mut self,
        bufs: V,
    ) -> impl Future<Output = BufResult<usize, V>> + Send;
}

/// Writes several buffers in one request to the kernel.
pub trait AsyncWriteVectored: AsyncWrite {
    /// Writes all buffers, or a beginning of them, as if they were one, and gives all back with the count.
    fn write_vectored<V: IoVecBuf>(
        &mut self,
        bufs: V,
    ) -> impl Future<Output = BufResult<usize, V>> + Send;
}
