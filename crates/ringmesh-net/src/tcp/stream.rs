//! A TCP connection.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use ringmesh_buf::{Append, IoBuf, IoBufMut, IoVecBuf, IoVecBufMut};
use ringmesh_op::any_buf;
use socket2::{SockRef, TcpKeepalive};

use super::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpSocket, WriteHalf};
use crate::addr::{inet, resolve};
use crate::futures::{
    Flush, OwnedRead, OwnedShutdown, OwnedWrite, Read, ReadAppend, ReadExact, ReadVectored, Recv,
    Write, WriteAll, WriteVectored,
};
use crate::receive::{Filling, Flat, List, Mode, Next, Reading};
use crate::send::{Listed, Marking, Writing};
use crate::socket::Socket;
use crate::stream::stream_methods;
use crate::{AddrError, IntoStdError, ToSocketAddrs};

/// A TCP connection.
///
/// Everything takes `&self`, and a clone is another handle of the same connection (an `Arc`, never a
/// `dup`): read in one task and write in another as you like. Bytes belong to the connection, so dropping a
/// read loses none of them, and concurrent reads get them in order, each one run of them.
///
/// When the last handle is dropped, a read in flight is cancelled and the peer sees the end of the stream,
/// behind everything that was accepted for writing.
///
/// ```
/// use ringmesh_net::{TcpListener, TcpStream};
///
/// # ringmesh_op::run(async {
/// # async fn demo() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let stream = TcpStream::connect(listener.local_addr()?).await?;
/// let (peer, _) = listener.accept().await?;
///
/// stream.write_all("hello").await?;
/// let (n, buf) = peer.read(Vec::with_capacity(64)).await?;
/// assert_eq!((n, buf.as_slice()), (5, b"hello".as_slice()));
/// # Ok(())
/// # }
/// # demo().await.unwrap();
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct TcpStream {
    pub(crate) socket: Arc<Socket>,
}

impl TcpStream {
    /// Connects to the first of the addresses that answers.
    ///
    /// Dropping the future closes the socket.
    ///
    /// # Errors
    ///
    /// The kernel's last answer, as an [`AddrError`] that names the address, or the resolver's.
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let addrs = resolve(addr).await?;
        let mut last = None;
        for &addr in addrs.as_slice() {
            match TcpSocket::new_for(addr)?.connect(addr).await {
                Ok(stream) => return Ok(stream),
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    /// As [`connect`](Self::connect), but gives up after `limit`, name resolution included.
    ///
    /// # Errors
    ///
    /// `TimedOut`, or what `connect` reports.
    pub async fn connect_timeout(addr: impl ToSocketAddrs, limit: Duration) -> io::Result<Self> {
        match ringmesh_sched::time::timeout(limit, Self::connect(addr)).await {
            Ok(connected) => connected,
            Err(elapsed) => Err(elapsed.into()),
        }
    }

    pub(crate) fn from_accepted(fd: OwnedFd) -> Self {
        Self {
            socket: Socket::new(fd),
        }
    }

    /// Takes over a connection of the standard library.
    ///
    /// # Errors
    ///
    /// If it cannot be set to blocking mode, which is what io_uring wants.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        Ok(Self::from_accepted(stream.into()))
    }

    /// Gives the connection to the standard library, in blocking mode.
    ///
    /// # Errors
    ///
    /// If other handles exist, an operation is in flight (a dropped read may still be), or received bytes
    /// were not read yet and would be lost. The stream is in the error.
    pub fn into_std(self) -> Result<std::net::TcpStream, IntoStdError<Self>> {
        match self.socket.into_fd() {
            Ok(fd) => Ok(fd.into()),
            Err((reason, socket)) => Err(IntoStdError::busy(reason, Self { socket })),
        }
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// `NotConnected` once the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        inet(&self.options().peer_addr()?)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(&self.options().local_addr()?)
    }

    /// Sends small segments at once (`TCP_NODELAY`). Off by default, as in the kernel.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_nodelay(&self, yes: bool) -> io::Result<()> {
        self.options().set_tcp_nodelay(yes)
    }

    /// Whether small segments are sent at once.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.options().tcp_nodelay()
    }

    /// Probes a silent peer after `idle`, and then every `interval`; `None` switches probing off.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_keepalive(&self, probe: Option<(Duration, Duration)>) -> io::Result<()> {
        match probe {
            None => self.options().set_keepalive(false),
            Some((idle, interval)) => {
                let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval);
                self.options().set_tcp_keepalive(&keepalive)
            }
        }
    }

    /// Whether a silent peer is probed.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn keepalive(&self) -> io::Result<bool> {
        self.options().keepalive()
    }

    /// What closing does with bytes that the peer has not acknowledged: `Some(0)` resets the connection,
    /// `Some(d)` makes the close wait for up to `d`. `None` (the default) lets the kernel send them.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_linger(&self, limit: Option<Duration>) -> io::Result<()> {
        self.options().set_linger(limit)?;
        // A close that waits must not do so on a shard.
        let waits = limit.is_some_and(|limit| !limit.is_zero());
        self.socket.fd().close_on_ring(waits);
        Ok(())
    }

    /// See [`set_linger`](Self::set_linger).
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        self.options().linger()
    }

    /// How many routers a packet may pass (`IP_TTL`).
    ///
    /// # Errors
    ///
    /// The kernel's; IPv6 sockets have another option for it.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.options().set_ttl_v4(hops)
    }

    /// See [`set_ttl`](Self::set_ttl).
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn ttl(&self) -> io::Result<u32> {
        self.options().ttl_v4()
    }

    /// How many bytes the kernel queues for sending; it doubles the figure and has bounds of its own.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.options().set_send_buffer_size(bytes)
    }

    /// See [`set_send_buffer_size`](Self::set_send_buffer_size).
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.options().send_buffer_size()
    }

    /// How many received bytes the kernel queues; it doubles the figure and has bounds of its own.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.options().set_recv_buffer_size(bytes)
    }

    /// See [`set_recv_buffer_size`](Self::set_recv_buffer_size).
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        self.options().recv_buffer_size()
    }

    /// A reading and a writing view of this handle, for two futures in one task.
    pub fn split(&self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        (ReadHalf(self), WriteHalf(self))
    }

    /// A reading and a writing handle, for two tasks. Dropping the writing one ends the stream for the peer.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (OwnedReadHalf::new(self.clone()), OwnedWriteHalf::new(self))
    }

    /// A second descriptor of the connection, made by `dup(2)`.
    ///
    /// Bytes that are read or written through it are not ordered with this stream's: that is your task then.
    ///
    /// # Errors
    ///
    /// The kernel's, such as too many open files.
    pub fn try_clone_fd(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }

    fn options(&self) -> SockRef<'_> {
        SockRef::from(&*self.socket)
    }

    /// An error of `connect`, with the address.
    pub(crate) fn refused(addr: SocketAddr, error: io::Error) -> io::Error {
        AddrError::wrap("connect to", addr, error)
    }
}

stream_methods!(TcpStream);

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("local", &self.local_addr().ok())
            .field("peer", &self.peer_addr().ok())
            .field("socket", &self.socket)
            .finish()
    }
}
