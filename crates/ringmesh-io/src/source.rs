use std::future::Future;
use std::io;

use ringmesh_buf::BufResult;

use crate::duplex::{Duplex, DuplexRead, DuplexWriteAll};

/// A stream that a [`PollIo`](crate::PollIo) can stand on: reads and writes that own their buffers and have a name.
///
/// The sockets of `ringmesh-net` and [`Duplex`] are sources. Implement it for a stream of your own if
///
/// 1. clones are the same stream,
/// 2. writes go out in the order of their first polls, each whole before the next one begins, and a write is ready when
///    all of it went out or none of its rest can,
/// 3. a write that was polled once goes on when its waker is called from anywhere: `PollIo` polls its writes from inside
///    that call,
/// 4. a read that is dropped loses no byte (only [`PollIo::into_inner`](crate::PollIo::into_inner) drops one).
pub trait PollSource: Clone + Send + Sync + Unpin + 'static {
    /// A read under way. Same buffer rules as [`AsyncRead::read`](crate::AsyncRead::read).
    type Read: Future<Output = BufResult<usize, Vec<u8>>> + Send + Sync + Unpin + 'static;
    /// A write under way, ready when it is done as a whole. A short one is gone on with, if [`PollIo`](crate::PollIo) is
    /// the only writer.
    type Write: Future<Output = BufResult<usize, Vec<u8>>> + Send + Sync + Unpin + 'static;

    /// Whether the write under way may be dropped and is sent all the same, whole and in its turn, if it is the source's
    /// oldest. If not, a [`PollIo`](crate::PollIo) that is dropped keeps its write until it is done.
    const FINISHES_DROPPED_WRITES: bool = false;

    /// Accepts `buf` to be sent in its turn, behind what was written before, with nobody waiting for it; or gives it back
    /// if the source cannot, and then a [`PollIo`](crate::PollIo) that is dropped sees to it itself.
    ///
    /// # Errors
    ///
    /// The buffer, if the source has no such thing.
    fn write_detached(&self, buf: Vec<u8>) -> Result<(), Vec<u8>> {
        Err(buf)
    }

    /// Makes a read; it starts when it is polled.
    fn start_read(&self, buf: Vec<u8>) -> Self::Read;

    /// Makes a write; it starts when it is polled.
    fn start_write(&self, buf: Vec<u8>) -> Self::Write;

    /// Ends the stream for writing (a socket sends FIN). Called after all writes are done; must not block.
    fn end_writing(&self) -> io::Result<()>;
}

impl PollSource for Duplex {
    type Read = DuplexRead<Vec<u8>>;
    type Write = DuplexWriteAll;

    fn start_read(&self, buf: Vec<u8>) -> Self::Read {
        self.read_owned(buf)
    }

    fn start_write(&self, buf: Vec<u8>) -> Self::Write {
        self.write_all_owned(buf)
    }

    fn end_writing(&self) -> io::Result<()> {
        self.close();
        Ok(())
    }
}
