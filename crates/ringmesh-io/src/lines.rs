use std::io;
use std::mem;

use crate::AsyncBufRead;

/// A stream's pieces between delimiters; made by [`AsyncBufReadExt::split_on`](crate::AsyncBufReadExt::split_on).
#[derive(Debug)]
pub struct SplitOn<R> {
    inner: R,
    delimiter: u8,
    piece: Vec<u8>,
    limit: usize,
}

impl<R> SplitOn<R> {
    pub(crate) fn new(inner: R, delimiter: u8) -> Self {
        Self {
            inner,
            delimiter,
            piece: Vec::new(),
            limit: usize::MAX,
        }
    }

    /// Refuses pieces longer than `bytes` with `InvalidData`, so that a peer cannot fill the memory. No limit by default.
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Gives the reader back. A piece that was read in part is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: AsyncBufRead> SplitOn<R> {
    /// The next piece without its delimiter; `None` at the end. A last piece needs no delimiter.
    ///
    /// Cancel safe: a piece that was read in part stays here and is gone on with.
    pub async fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let seen = self.inner.fill_buf().await?;
            let found = seen.iter().position(|&b| b == self.delimiter);
            let taken = found.unwrap_or(seen.len());
            let ended = seen.is_empty();
            if taken > self.limit.saturating_sub(self.piece.len()) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the piece is longer than the limit",
                ));
            }
            self.piece.extend_from_slice(&seen[..taken]);
            self.inner.consume(taken + usize::from(found.is_some()));
            if found.is_some() || (ended && !self.piece.is_empty()) {
                return Ok(Some(mem::take(&mut self.piece)));
            }
            if ended {
                return Ok(None);
            }
        }
    }
}

/// A stream's lines; made by [`AsyncBufReadExt::lines`](crate::AsyncBufReadExt::lines).
///
/// ```
/// use ringmesh_io::AsyncBufReadExt;
/// # futures_lite::future::block_on(async {
/// let mut lines = (&b"one\r\ntwo\nthree"[..]).lines();
/// let mut all = Vec::new();
/// while let Some(line) = lines.next_line().await? {
///     all.push(line);
/// }
/// assert_eq!(all, ["one", "two", "three"]);
/// # Ok::<(), std::io::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Lines<R> {
    pieces: SplitOn<R>,
}

impl<R> Lines<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            pieces: SplitOn::new(inner, b'\n'),
        }
    }

    /// Refuses lines longer than `bytes` with `InvalidData`. No limit by default.
    pub fn max_len(mut self, bytes: usize) -> Self {
        self.pieces = self.pieces.max_len(bytes);
        self
    }

    /// Gives the reader back. A line that was read in part is lost.
    pub fn into_inner(self) -> R {
        self.pieces.into_inner()
    }
}

impl<R: AsyncBufRead> Lines<R> {
    /// The next line without its `\n` or `\r\n`; `None` at the end. No UTF-8 is `InvalidData`, and skips the line.
    ///
    /// Cancel safe: a line that was read in part stays here and is gone on with.
    pub async fn next_line(&mut self) -> io::Result<Option<String>> {
        let Some(mut line) = self.pieces.next_piece().await? else {
            return Ok(None);
        };
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        String::from_utf8(line)
            .map(Some)
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }
}
