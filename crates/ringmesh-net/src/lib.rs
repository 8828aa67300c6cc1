//! Sockets on the op lane.
#![forbid(unsafe_code)]

mod accept;
mod addr;
mod error;
mod exclusive;
mod futures;
mod receive;
mod send;
mod socket;
mod stream;
mod tcp;
mod turn;
mod udp;
mod unix;

pub use addr::ToSocketAddrs;
pub use error::{AddrError, IntoStdError};
pub use futures::{
    Flush, OwnedRead, OwnedShutdown, OwnedWrite, Read, ReadAppend, ReadExact, ReadVectored, Recv,
    Timed, Write, WriteAll, WriteVectored,
};
pub use receive::Lease;
pub use tcp::{
    Accept, Incoming, NextConnection, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError,
    TcpListener, TcpSocket, TcpStream, WriteHalf,
};
pub use udp::{RecvDatagram, RecvFrom, SendTo, UdpSocket};
pub use unix::{NextUnixConnection, UnixAccept, UnixIncoming, UnixListener, UnixStream};

/// How many connections may wait in the kernel, unless a [`TcpSocket`] says otherwise. Picked: tokio asks for
/// as many; the kernel cuts it to `net.core.somaxconn` (4096 by default).
pub(crate) const BACKLOG: u32 = 1024;
