//! Where received bytes go: one buffer, or a list of them.

use ringmesh_buf::{BufResult, IoBufMut, IoVecBufMut};
use ringmesh_op::ops::{Recv, RecvMsg};
use ringmesh_op::{Op, OpCode, SharedFd};

/// A caller's destination, and the op that fills it.
pub(crate) trait Target: Sized + Send + 'static {
    /// What the caller gave and gets back.
    type Buf: Send + 'static;
    /// The op that receives into it.
    type Code: OpCode;

    fn from_buf(buf: Self::Buf) -> Self;
    fn into_buf(self) -> Self::Buf;
    /// How many bytes fit.
    fn room(&mut self) -> usize;
    /// Fills from the start; says how many bytes it took.
    fn put(&mut self, bytes: &[u8]) -> usize;
    /// A copy of the first `n` bytes, which a receive put there.
    fn received(&self, n: usize) -> Vec<u8>;
    /// A receive that fills it.
    fn receive(self, fd: &SharedFd, flags: i32) -> Op<Self::Code>;
    /// The count out of what the op says.
    fn result(output: <Self::Code as OpCode>::Output) -> BufResult<usize, Self::Buf>;
}

/// One buffer.
#[derive(Debug)]
pub(crate) struct Flat<B>(pub(crate) B);

impl<B: IoBufMut> Target for Flat<B> {
    type Buf = B;
    type Code = Recv<B>;

    fn from_buf(buf: B) -> Self {
        Self(buf)
    }

    fn into_buf(self) -> B {
        self.0
    }

    fn room(&mut self) -> usize {
        self.0.capacity_total()
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        self.0.put_slice(bytes)
    }

    fn received(&self, n: usize) -> Vec<u8> {
        self.0.as_slice()[..n].to_vec()
    }

    fn receive(self, fd: &SharedFd, flags: i32) -> Op<Recv<B>> {
        Op::new(Recv::new(fd, self.0).flags(flags))
    }

    fn result(output: BufResult<usize, B>) -> BufResult<usize, B> {
        output
    }
}

/// A list of buffers.
#[derive(Debug)]
pub(crate) struct List<V>(pub(crate) V);

impl<V: IoVecBufMut> Target for List<V> {
    type Buf = V;
    type Code = RecvMsg<V>;

    fn from_buf(list: V) -> Self {
        Self(list)
    }

    fn into_buf(self) -> V {
        self.0
    }

    fn room(&mut self) -> usize {
        self.0.total_capacity()
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        self.0.put_slice(bytes)
    }

    fn received(&self, n: usize) -> Vec<u8> {
        self.0.copy_out(n)
    }

    fn receive(self, fd: &SharedFd, flags: i32) -> Op<RecvMsg<V>> {
        Op::new(RecvMsg::new(fd, self.0).flags(flags))
    }

    fn result(output: <RecvMsg<V> as OpCode>::Output) -> BufResult<usize, V> {
        output.map(|(received, list)| (received.len, list))
    }
}
