//! Results that give the buffer back.

use std::{error, fmt, io};

/// What a buffer operation gives: its result with the buffer, or an error with the buffer.
pub type BufResult<T, B> = Result<(T, B), BufError<B>>;

/// An error that gives the buffer back.
///
/// `?` turns it into an [`io::Error`] and drops the buffer; [`into_parts`](Self::into_parts) keeps
/// both.
pub struct BufError<B> {
    error: io::Error,
    buf: B,
    progress: usize,
}

impl<B> BufError<B> {
    /// An operation that failed before it moved a byte.
    pub fn new(error: io::Error, buf: B) -> Self {
        Self {
            error,
            buf,
            progress: 0,
        }
    }

    /// Says how many bytes were moved before the failure.
    #[must_use]
    pub fn with_progress(mut self, bytes: usize) -> Self {
        self.progress = bytes;
        self
    }

    /// What went wrong.
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// The kind of [`error`](Self::error).
    pub fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }

    /// The buffer.
    pub fn buf(&self) -> &B {
        &self.buf
    }

    /// How many bytes a `write_all` or `read_exact` had moved when it failed.
    pub fn progress(&self) -> usize {
        self.progress
    }

    /// The error and the buffer.
    pub fn into_parts(self) -> (io::Error, B) {
        (self.error, self.buf)
    }

    /// The same error around another buffer.
    pub fn map<C>(self, f: impl FnOnce(B) -> C) -> BufError<C> {
        BufError {
            error: self.error,
            buf: f(self.buf),
            progress: self.progress,
        }
    }
}

impl<B> From<BufError<B>> for io::Error {
    fn from(e: BufError<B>) -> Self {
        e.error
    }
}

impl<B> fmt::Debug for BufError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufError")
            .field("error", &self.error)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

impl<B> fmt::Display for BufError<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.progress {
            0 => self.error.fmt(f),
            n => write!(f, "{} (after {n} bytes)", self.error),
        }
    }
}

impl<B> error::Error for BufError<B> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.error)
    }
}
