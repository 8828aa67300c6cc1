//! A TCP socket before it listens or connects.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ringmesh_op::ops::Connect;
use ringmesh_op::{Op, SharedFd};
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket as RawSocket, Type};

use super::{TcpListener, TcpStream};
use crate::addr::inet;
use crate::socket::Socket;
use crate::{AddrError, BACKLOG};

/// A TCP socket whose options are set before it listens or connects.
///
/// ```
/// use ringmesh_net::TcpSocket;
///
/// # ringmesh_op::run(async {
/// # async fn demo() -> std::io::Result<()> {
/// let socket = TcpSocket::new_v4()?;
/// socket.set_reuseaddr(true)?;
/// socket.set_reuseport(true)?;
/// socket.bind("127.0.0.1:0".parse().unwrap())?;
/// let listener = socket.listen(128)?;
/// # drop(listener);
/// # Ok(())
/// # }
/// # demo().await.unwrap();
/// # }).unwrap();
/// ```
pub struct TcpSocket {
    raw: RawSocket,
}

impl TcpSocket {
    /// A socket for IPv4.
    ///
    /// # Errors
    ///
    /// The kernel's, such as too many open files.
    pub fn new_v4() -> io::Result<Self> {
        Self::with_domain(Domain::IPV4)
    }

    /// A socket for IPv6.
    ///
    /// # Errors
    ///
    /// The kernel's, such as too many open files.
    pub fn new_v6() -> io::Result<Self> {
        Self::with_domain(Domain::IPV6)
    }

    pub(crate) fn new_for(addr: SocketAddr) -> io::Result<Self> {
        Self::with_domain(Domain::for_address(addr))
    }

    fn with_domain(domain: Domain) -> io::Result<Self> {
        // The call never blocks, so it is made here; close-on-exec is set by socket2.
        let raw = RawSocket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        Ok(Self { raw })
    }

    /// Allows an address whose last connections are still in TIME_WAIT. [`TcpListener::bind`] sets it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_reuseaddr(&self, yes: bool) -> io::Result<()> {
        self.raw.set_reuse_address(yes)
    }

    /// Allows several listeners on one address, among which the kernel spreads connections.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_reuseport(&self, yes: bool) -> io::Result<()> {
        self.raw.set_reuse_port(yes)
    }

    /// Sends small segments at once; accepted connections inherit it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_nodelay(&self, yes: bool) -> io::Result<()> {
        self.raw.set_tcp_nodelay(yes)
    }

    /// Probes silent peers; accepted connections inherit it.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_keepalive(&self, yes: bool) -> io::Result<()> {
        self.raw.set_keepalive(yes)
    }

    /// Whether an IPv6 socket refuses IPv4 peers.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_only_v6(&self, yes: bool) -> io::Result<()> {
        self.raw.set_only_v6(yes)
    }

    /// How many bytes the kernel queues for sending.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.raw.set_send_buffer_size(bytes)
    }

    /// How many received bytes the kernel queues. To have an effect on the window it must be set before the
    /// connection exists.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.raw.set_recv_buffer_size(bytes)
    }

    /// Gives the socket its own address.
    ///
    /// # Errors
    ///
    /// The kernel's, as an [`AddrError`] that names the address.
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        self.raw
            .bind(&addr.into())
            .map_err(|e| AddrError::wrap("bind", addr, e))
    }

    /// The socket's own address.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(&self.raw.local_addr()?)
    }

    /// Listens, with up to `backlog` connections waiting in the kernel (at most `net.core.somaxconn`).
    ///
    /// # Errors
    ///
    /// The kernel's, as an [`AddrError`] that names the address.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        let queue = i32::try_from(backlog).unwrap_or(i32::MAX);
        self.raw
            .listen(queue)
            .map_err(|e| match self.local_addr() {
                Ok(addr) => AddrError::wrap("listen on", addr, e),
                Err(_) => e,
            })?;
        Ok(TcpListener::listening(self.raw.into(), backlog))
    }

    /// Connects. Dropping the future closes the socket.
    ///
    /// # Errors
    ///
    /// The kernel's, as an [`AddrError`] that names the address.
    pub async fn connect(self, addr: SocketAddr) -> io::Result<TcpStream> {
        let fd = SharedFd::new(self.raw.into());
        Op::new(Connect::new(&fd, SockAddr::from(addr)))
            .await
            .map_err(|e| TcpStream::refused(addr, e))?;
        Ok(TcpStream {
            socket: Socket::shared(fd),
        })
    }

    /// Listens with the usual backlog.
    pub(crate) fn listen_default(self) -> io::Result<TcpListener> {
        self.listen(BACKLOG)
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }
}

impl From<OwnedFd> for TcpSocket {
    /// Takes an unconnected TCP socket over, and sets it to blocking mode, which is what io_uring wants.
    fn from(fd: OwnedFd) -> Self {
        // A descriptor that is no socket is found out by the first real use.
        let _ = SockRef::from(&fd).set_nonblocking(false);
        Self { raw: fd.into() }
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket")
            .field("local", &self.local_addr().ok())
            .finish_non_exhaustive()
    }
}
