//! Results that give the buffer back.

use std::{error::Error, fmt, io};

/// What an operation with a buffer comes to: a value and the buffer, or an error and the buffer.
///
/// `?` in a function that returns `io::Result` drops the buffer and keeps the error; match on the [`BufError`] to get
/// the buffer.
pub type BufResult<T, B> = Result<(T, B), BufError<B>>;

/// An I/O error together with the buffer of the operation that failed.
///
/// It converts into [`io::Error`], so `?` works where the buffer is not wanted back.
pub struct BufError<B> {
    /// What went wrong.
    pub error: io::Error,
    /// The buffer, as the operation left it.
    pub buf: B,
    /// How many bytes had gone through before the error: 0 for single operations, what was done so far for looping ones
    /// such as `write_all` and `read_exact`.
    pub progress: usize,
}

impl<B> BufError<B> {
    /// An error before anything was transferred.
    pub fn new(error: io::Error, buf: B) -> Self {
        Self {
            error,
            buf,
            progress: 0,
        }
    }

    /// Says how many bytes had gone through.
    #[must_use]
    pub fn with_progress(mut self, progress: usize) -> Self {
        self.progress = progress;
        self
    }

    /// What went wrong.
    pub fn error(&self) -> &io::Error {
        &self.error
    }

    /// What kind of error it is.
    pub fn kind(&self) -> io::ErrorKind {
        self.error.kind()
    }

    /// The buffer.
    pub fn buf(&self) -> &B {
        &self.buf
    }

    /// Error and buffer.
    pub fn into_parts(self) -> (io::Error, B) {
        (self.error, self.buf)
    }

    /// The same error with another buffer: what a wrapper does with the buffer that it wrapped.
    pub fn map<C>(self, f: impl FnOnce(B) -> C) -> BufError<C> {
        BufError {
            error: self.error,
            buf: f(self.buf),
            progress: self.progress,
        }
    }
}

impl<B> From<BufError<B>> for io::Error {
    fn from(err: BufError<B>) -> Self {
        err.error
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

impl<B> Error for BufError<B> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}
