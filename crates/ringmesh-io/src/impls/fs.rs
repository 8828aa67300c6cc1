use std::future::Future;
use std::io;

use ringmesh_buf::{BufResult, IoBuf, IoBufMut};
use ringmesh_fs::{Cursor, File};

use crate::{AsyncRead, AsyncReadAt, AsyncWrite, AsyncWriteAt};

impl AsyncReadAt for File {
    fn read_at<B: IoBufMut>(
        &self,
        buf: B,
        offset: u64,
    ) -> impl Future<Output = BufResult<usize, B>> + Send {
        File::read_at(self, buf, offset)
    }
}

impl AsyncWriteAt for File {
    fn write_at<B: IoBuf>(
        &self,
        buf: B,
        offset: u64,
    ) -> impl Future<Output = BufResult<usize, B>> + Send {
        File::write_at(self, buf, offset)
    }
}

/// Reads at the cursor and moves it.
impl AsyncRead for Cursor {
    fn read<B: IoBufMut>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        Cursor::read(self, buf)
    }
}

/// Writes at the cursor and moves it. `flush` has nothing to do (for the device there is [`File::sync_all`]), nor has
/// `shutdown`.
impl AsyncWrite for Cursor {
    fn write<B: IoBuf>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        Cursor::write(self, buf)
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads at the kernel's own position, as [`File::read`] does: for pipes, terminals and devices. Not cancel safe there.
impl AsyncRead for File {
    fn read<B: IoBufMut>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        File::read(self, buf)
    }
}

/// Writes at the kernel's own position, as [`File::write`] does. `shutdown` has nothing to do: a pipe ends when its last
/// handle is dropped.
impl AsyncWrite for File {
    fn write<B: IoBuf>(&mut self, buf: B) -> impl Future<Output = BufResult<usize, B>> + Send {
        File::write(self, buf)
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}
