use std::io;

use ringmesh_buf::{BufResult, IoBuf, IoBufMut};

use crate::read::room;
use crate::{AsyncRead, AsyncWrite};

/// A reader that is at its end.
pub fn empty() -> Empty {
    Empty
}

/// A writer that takes everything and keeps nothing.
pub fn sink() -> Sink {
    Sink
}

/// Made by [`empty`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

/// Made by [`sink`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Sink;

impl AsyncRead for Empty {
    async fn read<B: IoBufMut>(&mut self, buf: B) -> BufResult<usize, B> {
        let mut buf = room(buf)?;
        Ok((buf.put_slice(&[]), buf))
    }
}

impl AsyncWrite for Sink {
    async fn write<B: IoBuf>(&mut self, buf: B) -> BufResult<usize, B> {
        Ok((buf.len_init(), buf))
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }
}
