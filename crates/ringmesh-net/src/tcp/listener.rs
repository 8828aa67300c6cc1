//! A listening TCP socket.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;

use super::{TcpSocket, TcpStream};
use crate::accept::{Accepting, Acceptor, Arriving};
use crate::addr::{inet, resolve};
use crate::{IntoStdError, ToSocketAddrs};

/// A TCP socket that takes connections.
///
/// [`incoming`](Self::incoming) is the loop to write; [`accept`](Self::accept) takes one connection. Both
/// take `&self`: share the listener among tasks and shards as you like. A connection that arrives for a
/// future that was dropped stays with the listener and is the next that anybody accepts; connections are
/// lost (closed) only with the listener itself.
///
/// ```
/// use ringmesh_net::{TcpListener, TcpStream};
///
/// # ringmesh_op::run(async {
/// # async fn demo() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// let client = TcpStream::connect(addr).await?;
///
/// let mut incoming = listener.incoming();
/// if let Some((stream, peer)) = incoming.next().await? {
///     assert_eq!(peer, client.local_addr()?);
///     stream.write_all("welcome").await?;
/// }
/// # Ok(())
/// # }
/// # demo().await.unwrap();
/// # }).unwrap();
/// ```
pub struct TcpListener {
    acceptor: Acceptor,
}

impl TcpListener {
    /// Listens on the first of the addresses that can be bound, with `SO_REUSEADDR` and a backlog of 1024.
    /// Port 0 picks a free one. For other options see [`TcpSocket`].
    ///
    /// # Errors
    ///
    /// The kernel's, such as `AddrInUse`, as an [`AddrError`](crate::AddrError) that names the address.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        let addrs = resolve(addr).await?;
        let mut last = None;
        for &addr in addrs.as_slice() {
            match Self::bind_one(addr) {
                Ok(listener) => return Ok(listener),
                Err(e) => last = Some(e),
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::InvalidInput.into()))
    }

    fn bind_one(addr: SocketAddr) -> io::Result<Self> {
        let socket = TcpSocket::new_for(addr)?;
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen_default()
    }

    pub(crate) fn listening(fd: OwnedFd, backlog: u32) -> Self {
        Self {
            acceptor: Acceptor::new(fd).with_backlog(backlog),
        }
    }

    /// Takes over a listener of the standard library.
    ///
    /// # Errors
    ///
    /// If it cannot be set to blocking mode, which is what io_uring wants.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(false)?;
        Ok(Self {
            acceptor: Acceptor::new(listener.into()),
        })
    }

    /// Gives the listener to the standard library, in blocking mode.
    ///
    /// # Errors
    ///
    /// If an accept is in flight (a dropped one may still be) or a connection waits to be taken. The
    /// listener is in the error.
    pub fn into_std(self) -> Result<std::net::TcpListener, IntoStdError<Self>> {
        match self.acceptor.into_fd() {
            Ok(fd) => Ok(fd.into()),
            Err((reason, acceptor)) => Err(IntoStdError::busy(reason, Self { acceptor })),
        }
    }

    /// Accepts one connection.
    ///
    /// A connection that went away before it was accepted is passed over. Running out of descriptors is an
    /// error here (the connection stays in the kernel's backlog); [`incoming`](Self::incoming) waits instead.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    pub fn accept(&self) -> Accept<'_> {
        Accept(Accepting::new(&self.acceptor))
    }

    /// The connections, one after the other: one request to the kernel serves any number of them.
    ///
    /// It does not end on errors that pass: connections that were aborted are skipped, and where descriptors
    /// or memory are short it waits (1 ms to 1 s) and goes on. It pauses while more than half a backlog of
    /// connections wait to be taken, so that pressure stays in the kernel. Dropping it leaves what it did not
    /// deliver with the listener.
    #[must_use]
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming(Arriving::new(&self.acceptor))
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        inet(&SockRef::from(&self.acceptor).local_addr()?)
    }

    /// The pending error of the socket (`SO_ERROR`), which is cleared.
    ///
    /// # Errors
    ///
    /// If the kernel cannot say.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        SockRef::from(&self.acceptor).take_error()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.acceptor.as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.acceptor.as_fd().as_raw_fd()
    }
}

impl From<OwnedFd> for TcpListener {
    /// Takes a listening TCP socket over, and sets it to blocking mode, which is what io_uring wants.
    fn from(fd: OwnedFd) -> Self {
        // A descriptor that is no socket is found out by the first real use.
        let _ = SockRef::from(&fd).set_nonblocking(false);
        Self {
            acceptor: Acceptor::new(fd),
        }
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener")
            .field("local", &self.local_addr().ok())
            .field("acceptor", &self.acceptor)
            .finish()
    }
}

/// Future of [`TcpListener::accept`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Accept<'a>(Accepting<&'a Acceptor>);

impl Future for Accept<'_> {
    type Output = io::Result<(TcpStream, SocketAddr)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|accepted| {
            let (fd, peer) = accepted?;
            Ok((TcpStream::from_accepted(fd), inet(&peer)?))
        })
    }
}

/// The connections of a listener; see [`TcpListener::incoming`].
#[derive(Debug)]
pub struct Incoming<'a>(Arriving<&'a Acceptor>);

impl<'a> Incoming<'a> {
    /// The next connection; `None` never comes while the listener lives.
    ///
    /// Dropping the future loses no connection.
    #[expect(
        clippy::should_implement_trait,
        reason = "the asynchronous form of that method, as everywhere"
    )]
    pub fn next(&mut self) -> NextConnection<'_, 'a> {
        NextConnection(self)
    }

    /// As [`next`](Self::next), for hand-written futures.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<(TcpStream, SocketAddr)>>> {
        self.0.poll_next(cx).map(|arrived| {
            let Some((fd, peer)) = arrived? else {
                return Ok(None);
            };
            Ok(Some((TcpStream::from_accepted(fd), inet(&peer)?)))
        })
    }
}

/// Future of [`Incoming::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextConnection<'n, 'a>(&'n mut Incoming<'a>);

impl Future for NextConnection<'_, '_> {
    type Output = io::Result<Option<(TcpStream, SocketAddr)>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_next(cx)
    }
}
