use std::future::Future;
use std::io;
use std::net::Shutdown;

use ringmesh_buf::{BufResult, IoBuf, IoBufMut, IoVecBuf, IoVecBufMut};
use ringmesh_net::{
    OwnedRead, OwnedReadHalf, OwnedWrite, OwnedWriteHalf, ReadHalf, TcpStream, UnixStream,
    WriteHalf,
};

use crate::{AsyncRead, AsyncReadVectored, AsyncWrite, AsyncWriteVectored, PollSource, Split};

/// Every type reads or writes through the methods of the stream that it is or derefs to.
macro_rules! read_through {
    ($($Type:ty => $Stream:ty),* $(,)?) => {$(
        impl AsyncRead for $Type {
            fn read<B: IoBufMut>(
                &mut self,
                buf: B,
            ) -> impl Future<Output = BufResult<usize, B>> + Send {
                <$Stream>::read(self, buf)
            }
        }

        impl AsyncReadVectored for $Type {
            fn read_vectored<V: IoVecBufMut>(
                &mut self,
                bufs: V,
            ) -> impl Future<Output = BufResult<usize, V>> + Send {
                <$Stream>::read_vectored(self, bufs)
            }
        }
    )*};
}

macro_rules! write_through {
    ($($Type:ty => $Stream:ty),* $(,)?) => {$(
        impl AsyncWrite for $Type {
            fn write<B: IoBuf>(
                &mut self,
                buf: B,
            ) -> impl Future<Output = BufResult<usize, B>> + Send {
                <$Stream>::write(self, buf)
            }

            fn flush(&mut self) -> impl Future<Output = io::Result<()>> + Send {
                <$Stream>::flush(self)
            }

            fn shutdown(&mut self) -> impl Future<Output = io::Result<()>> + Send {
                <$Stream>::shutdown(self, Shutdown::Write)
            }
        }

        impl AsyncWriteVectored for $Type {
            fn write_vectored<V: IoVecBuf>(
                &mut self,
                bufs: V,
            ) -> impl Future<Output = BufResult<usize, V>> + Send {
                <$Stream>::write_vectored(self, bufs)
            }
        }
    )*};
}

read_through!(
    TcpStream => TcpStream,
    &TcpStream => TcpStream,
    ReadHalf<'_> => TcpStream,
    OwnedReadHalf => TcpStream,
    UnixStream => UnixStream,
    &UnixStream => UnixStream,
);

write_through!(
    TcpStream => TcpStream,
    &TcpStream => TcpStream,
    WriteHalf<'_> => TcpStream,
    OwnedWriteHalf => TcpStream,
    UnixStream => UnixStream,
    &UnixStream => UnixStream,
);

impl Split for TcpStream {
    type ReadHalf = OwnedReadHalf;
    type WriteHalf = OwnedWriteHalf;

    fn split_owned(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.into_split()
    }
}

/// Both halves are handles of the stream: dropping the one that writes does not end the stream, `shutdown` does.
impl Split for UnixStream {
    type ReadHalf = UnixStream;
    type WriteHalf = UnixStream;

    fn split_owned(self) -> (UnixStream, UnixStream) {
        (self.clone(), self)
    }
}

macro_rules! poll_source {
    ($($Stream:ident),*) => {$(
        impl PollSource for $Stream {
            type Read = OwnedRead<Vec<u8>>;
            type Write = OwnedWrite<Vec<u8>>;

            /// The stream's own queue takes over what was accepted, and gives up on a peer that never reads.
            const FINISHES_DROPPED_WRITES: bool = true;

            fn write_detached(&self, buf: Vec<u8>) -> Result<(), Vec<u8>> {
                <$Stream>::write_detached(self, buf);
                Ok(())
            }

            fn start_read(&self, buf: Vec<u8>) -> Self::Read {
                self.read_owned(buf)
            }

            fn start_write(&self, buf: Vec<u8>) -> Self::Write {
                self.write_owned(buf)
            }

            fn end_writing(&self) -> io::Result<()> {
                self.shutdown_now(Shutdown::Write)
            }
        }
    )*};
}

poll_source!(TcpStream, UnixStream);
