//! The two directions of a connection as values of their own.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::TcpStream;

/// The reading direction of a borrowed [`TcpStream`]; derefs to it.
#[derive(Clone, Copy, Debug)]
pub struct ReadHalf<'a>(pub(super) &'a TcpStream);

/// The writing direction of a borrowed [`TcpStream`]; derefs to it.
#[derive(Clone, Copy, Debug)]
pub struct WriteHalf<'a>(pub(super) &'a TcpStream);

impl Deref for ReadHalf<'_> {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        self.0
    }
}

impl Deref for WriteHalf<'_> {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        self.0
    }
}

/// The reading direction of a [`TcpStream`], owned; derefs to the stream.
#[derive(Debug)]
pub struct OwnedReadHalf {
    stream: TcpStream,
}

/// The writing direction of a [`TcpStream`], owned; derefs to the stream.
///
/// Dropping it ends the stream for the peer (FIN), behind everything that was accepted for writing.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    /// `None` once it was reunited or forgotten.
    stream: Option<TcpStream>,
}

impl OwnedReadHalf {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream }
    }

    /// Puts the two halves of one connection together again.
    ///
    /// # Errors
    ///
    /// Gives both back if they belong to different connections.
    pub fn reunite(self, mut other: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        if !Arc::ptr_eq(&self.stream.socket, &other.socket) {
            return Err(ReuniteError(self, other));
        }
        other.stream = None;
        Ok(self.stream)
    }
}

impl OwnedWriteHalf {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self {
            stream: Some(stream),
        }
    }

    /// Drops the half without ending the stream.
    pub fn forget(mut self) {
        self.stream = None;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.socket.send.finish_later();
        }
    }
}

impl Deref for OwnedReadHalf {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

impl Deref for OwnedWriteHalf {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        self.stream
            .as_ref()
            .expect("only methods that take the half by value empty it")
    }
}

/// Two halves that belong to different connections.
#[derive(Debug)]
pub struct ReuniteError(
    /// The reading half.
    pub OwnedReadHalf,
    /// The writing half.
    pub OwnedWriteHalf,
);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves belong to different connections")
    }
}

impl Error for ReuniteError {}
