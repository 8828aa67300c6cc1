//! A Unix-domain connection.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ringmesh_buf::{Append, IoBuf, IoBufMut, IoVecBuf, IoVecBufMut};
use ringmesh_op::any_buf;
use ringmesh_op::ops::Connect;
use ringmesh_op::{Op, SharedFd};
use socket2::{Domain, SockAddr, SockRef, Socket as RawSocket, Type};

use super::{of_path, of_std, to_std};
use crate::futures::{
    Flush, OwnedRead, OwnedShutdown, OwnedWrite, Read, ReadAppend, ReadExact, ReadVectored, Recv,
    Write, WriteAll, WriteVectored,
};
use crate::receive::{Filling, Flat, List, Mode, Next, Reading};
use crate::send::{Listed, Marking, Writing};
use crate::socket::Socket;
use crate::stream::stream_methods;
use crate::{AddrError, IntoStdError};

/// A Unix-domain stream connection. Everything that [`TcpStream`](crate::TcpStream) says about bytes, clones
/// and dropped futures holds here too.
///
/// ```
/// use ringmesh_net::UnixStream;
///
/// # ringmesh_op::run(async {
/// # async fn demo() -> std::io::Result<()> {
/// let (a, b) = UnixStream::pair()?;
/// a.write_all("ping").await?;
/// let ((), buf) = b.read_exact(vec![0; 4], 4).await?;
/// assert_eq!(buf, b"ping");
/// # Ok(())
/// # }
/// # demo().await.unwrap();
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct UnixStream {
    pub(crate) socket: Arc<Socket>,
}

impl UnixStream {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    ///
    /// The kernel's, as an [`AddrError`] that names the path; a path that is too long or contains a NUL is
    /// `InvalidInput`.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let refused = |e| AddrError::wrap("connect to", path.display(), e);
        Self::connect_raw(of_path(path).map_err(refused)?)
            .await
            .map_err(refused)
    }

    /// Connects to an address, which may be an abstract one.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<Self> {
        Self::connect_raw(of_std(addr)?).await
    }

    async fn connect_raw(addr: SockAddr) -> io::Result<Self> {
        let raw = RawSocket::new(Domain::UNIX, Type::STREAM, None)?;
        let fd = SharedFd::new(raw.into());
        Op::new(Connect::new(&fd, addr)).await?;
        Ok(Self {
            socket: Socket::shared(fd),
        })
    }

    /// Two ends of a new connection.
    ///
    /// # Errors
    ///
    /// The kernel's, such as too many open files.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = std::os::unix::net::UnixStream::pair()?;
        Ok((Self::from_accepted(a.into()), Self::from_accepted(b.into())))
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
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(false)?;
        Ok(Self::from_accepted(stream.into()))
    }

    /// Gives the connection to the standard library, in blocking mode.
    ///
    /// # Errors
    ///
    /// If other handles exist, an operation is in flight (a dropped read may still be), or received bytes
    /// were not read yet and would be lost. The stream is in the error.
    pub fn into_std(self) -> Result<std::os::unix::net::UnixStream, IntoStdError<Self>> {
        match self.socket.into_fd() {
            Ok(fd) => Ok(fd.into()),
            Err((reason, socket)) => Err(IntoStdError::busy(reason, Self { socket })),
        }
    }

    /// The address of the other end; unnamed for pairs and most clients.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        to_std(&self.options().peer_addr()?)
    }

    /// The address of this end.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        to_std(&self.options().local_addr()?)
    }

    fn options(&self) -> SockRef<'_> {
        SockRef::from(&*self.socket)
    }
}

stream_methods!(UnixStream);

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixStream")
            .field("local", &self.local_addr().ok())
            .field("peer", &self.peer_addr().ok())
            .field("socket", &self.socket)
            .finish()
    }
}
