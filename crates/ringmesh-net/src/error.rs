//! Errors that say more than an errno, and errors that give something back.

use std::error::Error;
use std::fmt;
use std::io;

/// What [`io::Error`]s of `bind` and `connect` carry inside: which address the kernel refused.
///
/// The outer error keeps the kind; the kernel's errno is in [`errno`](Self::errno) and in the source.
///
/// ```
/// use ringmesh_net::AddrError;
///
/// # ringmesh_op::run(async {
/// let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
/// let addr = taken.local_addr().unwrap();
/// let err = ringmesh_net::TcpListener::bind(addr).await.unwrap_err();
/// assert_eq!(err.kind(), std::io::ErrorKind::AddrInUse);
/// assert!(err.to_string().contains(&addr.to_string()));
/// let inner = err.get_ref().unwrap().downcast_ref::<AddrError>().unwrap();
/// assert_eq!(inner.errno(), Some(98));
/// # }).unwrap();
/// ```
pub struct AddrError {
    action: &'static str,
    addr: String,
    source: io::Error,
}

impl AddrError {
    /// The address, as it was given.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.addr
    }

    /// The kernel's error number, if the failure came from the kernel.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.source.raw_os_error()
    }

    /// Wraps `source`, keeping its kind.
    pub(crate) fn wrap(
        action: &'static str,
        addr: impl fmt::Display,
        source: io::Error,
    ) -> io::Error {
        let kind = source.kind();
        let error = Self {
            action,
            addr: addr.to_string(),
            source,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Debug for AddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddrError")
            .field("action", &self.action)
            .field("addr", &self.addr)
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for AddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.action, self.addr, self.source)
    }
}

impl Error for AddrError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Why a socket could not be turned into its standard-library counterpart, and the socket itself.
///
/// Converts into [`io::Error`], so `?` works; then the socket is dropped.
pub struct IntoStdError<S> {
    error: io::Error,
    socket: S,
}

impl<S> IntoStdError<S> {
    pub(crate) fn busy(reason: &'static str, socket: S) -> Self {
        Self {
            error: io::Error::new(io::ErrorKind::ResourceBusy, reason),
            socket,
        }
    }

    /// What stood in the way.
    #[must_use]
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// The socket, unchanged.
    #[must_use]
    pub fn into_socket(self) -> S {
        self.socket
    }
}

impl<S> fmt::Debug for IntoStdError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoStdError")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl<S> fmt::Display for IntoStdError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<S> Error for IntoStdError<S> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

impl<S> From<IntoStdError<S>> for io::Error {
    fn from(e: IntoStdError<S>) -> Self {
        e.error
    }
}
