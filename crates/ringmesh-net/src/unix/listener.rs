//! A listening Unix-domain socket.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::{Domain, SockAddr, SockRef, Socket as RawSocket, Type};

use super::{UnixStream, of_path, of_std, to_std};
use crate::accept::{Accepting, Acceptor, Arriving};
use crate::{AddrError, BACKLOG, IntoStdError};

/// A Unix-domain socket that takes connections. What [`TcpListener`](crate::TcpListener) says about dropped
/// futures holds here too. The socket's file stays when the listener is dropped.
///
/// ```
/// use ringmesh_net::{UnixListener, UnixStream};
///
/// # ringmesh_op::run(async {
/// # async fn demo() -> std::io::Result<()> {
/// let dir = tempfile::tempdir()?;
/// let listener = UnixListener::bind(dir.path().join("socket"))?;
/// let client = UnixStream::connect(dir.path().join("socket")).await?;
/// let (server, _) = listener.accept().await?;
/// client.write_all("hello").await?;
/// assert_eq!(server.read(vec![0; 16]).await?.0, 5);
/// # Ok(())
/// # }
/// # demo().await.unwrap();
/// # }).unwrap();
/// ```
pub struct UnixListener {
    acceptor: Acceptor,
}

impl UnixListener {
    /// Makes a socket at `path`, which must not exist, and listens on it with a backlog of 1024.
    ///
    /// # Errors
    ///
    /// The kernel's, such as `AddrInUse`, as an [`AddrError`] that names the path; a path that is too long
    /// or contains a NUL is `InvalidInput`.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let refused = |e| AddrError::wrap("bind", path.display(), e);
        Self::bind_raw(&of_path(path).map_err(refused)?).map_err(refused)
    }

    /// Listens on an address, which may be an abstract one.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::bind_raw(&of_std(addr)?)
    }

    fn bind_raw(addr: &SockAddr) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::UNIX, Type::STREAM, None)?;
        raw.bind(addr)?;
        raw.listen(BACKLOG as i32)?;
        Ok(Self {
            acceptor: Acceptor::new(raw.into()),
        })
    }

    /// Takes over a listener of the standard library.
    ///
    /// # Errors
    ///
    /// If it cannot be set to blocking mode, which is what io_uring wants.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
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
    pub fn into_std(self) -> Result<std::os::unix::net::UnixListener, IntoStdError<Self>> {
        match self.acceptor.into_fd() {
            Ok(fd) => Ok(fd.into()),
            Err((reason, acceptor)) => Err(IntoStdError::busy(reason, Self { acceptor })),
        }
    }

    /// Accepts one connection. Dropping the future loses none.
    pub fn accept(&self) -> UnixAccept<'_> {
        UnixAccept(Accepting::new(&self.acceptor))
    }

    /// The connections, one after the other; see [`TcpListener::incoming`](crate::TcpListener::incoming).
    #[must_use]
    pub fn incoming(&self) -> UnixIncoming<'_> {
        UnixIncoming(Arriving::new(&self.acceptor))
    }

    /// The address it listens on.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        to_std(&SockRef::from(&self.acceptor).local_addr()?)
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.acceptor.as_fd()
    }
}

impl AsRawFd for UnixListener {
    fn as_raw_fd(&self) -> RawFd {
        self.acceptor.as_fd().as_raw_fd()
    }
}

impl From<OwnedFd> for UnixListener {
    /// Takes a listening socket over, and sets it to blocking mode, which is what io_uring wants.
    fn from(fd: OwnedFd) -> Self {
        // A descriptor that is no socket is found out by the first real use.
        let _ = SockRef::from(&fd).set_nonblocking(false);
        Self {
            acceptor: Acceptor::new(fd),
        }
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixListener")
            .field("local", &self.local_addr().ok())
            .field("acceptor", &self.acceptor)
            .finish()
    }
}

/// Future of [`UnixListener::accept`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct UnixAccept<'a>(Accepting<&'a Acceptor>);

impl Future for UnixAccept<'_> {
    type Output = io::Result<(UnixStream, SocketAddr)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|accepted| {
            let (fd, peer) = accepted?;
            Ok((UnixStream::from_accepted(fd), to_std(&peer)?))
        })
    }
}

/// The connections of a listener; see [`UnixListener::incoming`].
#[derive(Debug)]
pub struct UnixIncoming<'a>(Arriving<&'a Acceptor>);

impl<'a> UnixIncoming<'a> {
    /// The next connection; `None` never comes while the listener lives.
    ///
    /// Dropping the future loses no connection.
    #[expect(
        clippy::should_implement_trait,
        reason = "the asynchronous form of that method, as everywhere"
    )]
    pub fn next(&mut self) -> NextUnixConnection<'_, 'a> {
        NextUnixConnection(self)
    }

    /// As [`next`](Self::next), for hand-written futures.
    pub fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<(UnixStream, SocketAddr)>>> {
        self.0.poll_next(cx).map(|arrived| {
            let Some((fd, peer)) = arrived? else {
                return Ok(None);
            };
            Ok(Some((UnixStream::from_accepted(fd), to_std(&peer)?)))
        })
    }
}

/// Future of [`UnixIncoming::next`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextUnixConnection<'n, 'a>(&'n mut UnixIncoming<'a>);

impl Future for NextUnixConnection<'_, '_> {
    type Output = io::Result<Option<(UnixStream, SocketAddr)>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_next(cx)
    }
}
