//! A position that moves along a file.

use std::io;

use ringmesh_buf::{BufResult, IoBuf, IoBufMut};

use crate::File;

/// Reads and writes a file from a position that moves along. Each cursor has its own; the kernel's
/// position of the open file is neither used nor moved.
///
/// Cancel safety: the position moves when an operation's result is taken. A read that was dropped
/// has not moved it; a write that was dropped may or may not be in the file at the position.
#[derive(Clone, Debug)]
pub struct Cursor {
    file: File,
    position: u64,
}

impl Cursor {
    /// A cursor at the start of `file`.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self { file, position: 0 }
    }

    /// Where the next operation starts, in bytes from the file's start.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Moves the cursor. Behind the end, reads give 0 and a write leaves a hole.
    pub fn set_position(&mut self, position: u64) {
        self.position = position;
    }

    /// Moves the cursor as [`std::io::Seek::seek`] does and returns the new position.
    ///
    /// # Errors
    ///
    /// `InvalidInput` before the start or past `u64::MAX`; those of statx(2) for a move from the
    /// end.
    pub async fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            io::SeekFrom::Start(n) => (n, 0),
            io::SeekFrom::Current(n) => (self.position, n),
            io::SeekFrom::End(n) => (self.file.metadata().await?.size(), n),
        };
        let position = base.checked_add_signed(offset);
        self.position = position.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a position before the file's start",
            )
        })?;
        Ok(self.position)
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file back.
    pub fn into_inner(self) -> File {
        self.file
    }

    /// Reads into `buf`: see [`File::read_at`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn read<B: IoBufMut>(&mut self, buf: B) -> BufResult<usize, B> {
        let (n, buf) = self.file.read_at(buf, self.position).await?;
        self.position += n as u64;
        Ok((n, buf))
    }

    /// Writes from `buf`: see [`File::write_at`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn write<B: IoBuf>(&mut self, buf: B) -> BufResult<usize, B> {
        let (n, buf) = self.file.write_at(buf, self.position).await?;
        self.position += n as u64;
        Ok((n, buf))
    }

    /// Writes all of `buf`: see [`File::write_all_at`]. After an error the position is behind what
    /// was written.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn write_all<B: IoBuf>(&mut self, buf: B) -> BufResult<(), B> {
        let total = buf.len_init();
        let result = self.file.write_all_at(buf, self.position).await;
        self.position += result.as_ref().map_or_else(|e| e.progress(), |_| total) as u64;
        result
    }
}
