//! An open file.

use std::{
    fmt, io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    path::Path,
    sync::Arc,
};

use ringmesh_buf::{Append, BufError, BufResult, IoBuf, IoBufMut, IoVecBuf, IoVecBufMut, Slice};
use ringmesh_op::{
    FdKind, Op, SharedFd,
    ops::{self, Metadata, ReadHints},
};

use crate::{Cursor, OpenOptions, blocking::unblock};

/// A read at an offset: [`File::read_at`]. Carries `.timeout(d)`, `.cancel()` and `.on(lane)`.
pub type ReadAt<B> = Op<ops::Read<B>>;
/// A write at an offset: [`File::write_at`].
pub type WriteAt<B> = Op<ops::Write<B>>;
/// A vectored read: [`File::read_vectored_at`].
pub type ReadVectoredAt<V> = Op<ops::Readv<V>>;
/// A vectored write: [`File::write_vectored_at`].
pub type WriteVectoredAt<V> = Op<ops::Writev<V>>;
/// [`File::sync_all`] and [`File::sync_data`].
pub type Sync = Op<ops::Fsync>;

/// How much [`File::read_to_end_at`] asks for beyond what the file's size promises.
const PROBE_BYTES: usize = 32;

/// An open file. Cloning shares the descriptor; the last clone closes it.
///
/// All methods take `&self` and offsets, so one file serves any number of tasks at a time. For a
/// position that moves along, see [`cursor`](Self::cursor).
#[derive(Clone)]
pub struct File {
    fd: SharedFd,
    /// What past reads have taught about this open file.
    hints: Arc<ReadHints>,
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// Those of openat(2); `InvalidInput` for a path with a NUL in it.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Creates a file for writing, or empties the one that is there.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .await
    }

    /// Says how to open.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library.
    #[must_use]
    pub fn from_std(file: std::fs::File) -> Self {
        Self::from(OwnedFd::from(file))
    }

    /// Gives the descriptor to the standard library.
    ///
    /// # Errors
    ///
    /// Gives the file back while clones of it or operations on it live.
    pub fn into_std(self) -> Result<std::fs::File, Self> {
        let hints = self.hints;
        self.fd
            .try_into_owned()
            .map(Into::into)
            .map_err(|fd| Self { fd, hints })
    }

    pub(crate) fn from_shared(fd: SharedFd) -> Self {
        Self {
            fd,
            hints: Arc::new(ReadHints::new()),
        }
    }

    /// Reads at `offset` into `buf`, from its start up to its capacity, and leaves its length at
    /// what was read. Fewer bytes than the capacity are no error; `Ok(0)` is the end of the file.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a buffer without room or an offset past `i64::MAX`; else those of
    /// pread(2). With `O_DIRECT`, `EINVAL` means that pointer, offset or length is not aligned to
    /// the device's block.
    pub fn read_at<B: IoBufMut>(&self, buf: B, offset: u64) -> ReadAt<B> {
        Op::new(ops::Read::new(&self.fd, buf, offset).with_hints(&self.hints))
    }

    /// Reads exactly `n` bytes at `offset` to the start of `buf`.
    ///
    /// # Errors
    ///
    /// `UnexpectedEof` if the file ends before, `InvalidInput` if the buffer has no room for `n`;
    /// [`BufError::progress`] says how far it came.
    pub async fn read_exact_at<B: IoBufMut>(
        &self,
        mut buf: B,
        n: usize,
        offset: u64,
    ) -> BufResult<usize, B> {
        if n > buf.capacity_total() {
            let why = format!(
                "{n} bytes do not fit into a buffer of {}",
                buf.capacity_total()
            );
            return Err(BufError::new(
                io::Error::new(io::ErrorKind::InvalidInput, why),
                buf,
            ));
        }
        let mut done = 0;
        while done < n {
            let at = offset.saturating_add(done as u64);
            match self.read_at(Slice::new_mut(buf, done..n), at).await {
                Ok((0, part)) => {
                    let error = io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the file ends before the buffer is full",
                    );
                    return Err(BufError::new(error, part.into_inner()).with_progress(done));
                }
                Ok((read, part)) => {
                    done += read;
                    buf = part.into_inner();
                }
                Err(e) => return Err(e.map(Slice::into_inner).with_progress(done)),
            }
        }
        Ok((n, buf))
    }

    /// Appends everything from `offset` to the end of the file to `buf`.
    ///
    /// # Errors
    ///
    /// Those of pread(2); the buffer then holds what had come.
    pub async fn read_to_end_at(&self, mut buf: Vec<u8>, offset: u64) -> BufResult<usize, Vec<u8>> {
        let before = buf.len();
        let size = match self.metadata().await {
            Ok(metadata) => metadata.size(),
            Err(e) => return Err(BufError::new(e, buf)),
        };
        let expected = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        if let Err(e) = buf.try_reserve(expected.saturating_add(1)) {
            return Err(BufError::new(
                io::Error::new(io::ErrorKind::OutOfMemory, e),
                buf,
            ));
        }
        loop {
            let done = buf.len() - before;
            if buf.len() == buf.capacity() {
                buf.reserve(PROBE_BYTES);
            }
            match self
                .read_at(Append::new(buf), offset.saturating_add(done as u64))
                .await
            {
                Ok((0, tail)) => return Ok((done, tail.into_inner())),
                Ok((_, tail)) => buf = tail.into_inner(),
                Err(e) => return Err(e.map(Append::into_inner).with_progress(done)),
            }
        }
    }

    /// Reads at `offset` into a list of buffers, in order.
    ///
    /// # Errors
    ///
    /// As for [`read_at`](Self::read_at).
    pub fn read_vectored_at<V: IoVecBufMut>(&self, bufs: V, offset: u64) -> ReadVectoredAt<V> {
        Op::new(ops::Readv::new(&self.fd, bufs, offset))
    }

    /// Writes the initialised bytes of `buf` at `offset`. May write fewer, and says how many.
    ///
    /// Cancel safety: dropped, the write may or may not happen.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an offset past `i64::MAX`; else those of pwrite(2).
    pub fn write_at<B: IoBuf>(&self, buf: B, offset: u64) -> WriteAt<B> {
        Op::new(ops::Write::new(&self.fd, buf, offset))
    }

    /// Writes all initialised bytes of `buf` at `offset`.
    ///
    /// # Errors
    ///
    /// Those of pwrite(2), `WriteZero` if the file takes no more; [`BufError::progress`] says how
    /// far it came.
    pub async fn write_all_at<B: IoBuf>(&self, mut buf: B, offset: u64) -> BufResult<(), B> {
        let total = buf.len_init();
        let mut done = 0;
        while done < total {
            let at = offset.saturating_add(done as u64);
            match self.write_at(buf.slice(done..), at).await {
                Ok((0, part)) => {
                    let error =
                        io::Error::new(io::ErrorKind::WriteZero, "the file takes no more bytes");
                    return Err(BufError::new(error, part.into_inner()).with_progress(done));
                }
                Ok((written, part)) => {
                    done += written;
                    buf = part.into_inner();
                }
                Err(e) => return Err(e.map(Slice::into_inner).with_progress(done)),
            }
        }
        Ok(((), buf))
    }

    /// Writes a list of buffers at `offset`, in order. May write fewer bytes, and says how many.
    ///
    /// # Errors
    ///
    /// As for [`write_at`](Self::write_at).
    pub fn write_vectored_at<V: IoVecBuf>(&self, bufs: V, offset: u64) -> WriteVectoredAt<V> {
        Op::new(ops::Writev::new(&self.fd, bufs, offset))
    }

    /// Reads at the kernel's own position of the open file and moves it: for pipes, terminals and devices, which have no
    /// offsets. For a regular file a [`Cursor`] is better: its position is its own.
    ///
    /// Cancel safety: none; bytes that a dropped read took out of a pipe are gone. Await its
    /// [`cancel`](ringmesh_op::Op::cancel) to get them.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a buffer without room; else those of read(2). `ECANCELED` if the last clone of a pipe or
    /// terminal is dropped meanwhile.
    pub fn read<B: IoBufMut>(&self, buf: B) -> ReadAt<B> {
        Op::new(ops::Read::current(&self.fd, buf))
    }

    /// Writes at the kernel's own position of the open file: see [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// Those of write(2).
    pub fn write<B: IoBuf>(&self, buf: B) -> WriteAt<B> {
        Op::new(ops::Write::current(&self.fd, buf))
    }

    /// Brings data and metadata to the device: fsync(2).
    ///
    /// # Errors
    ///
    /// Those of fsync(2). After `EIO` the kernel may have dropped the unwritten pages.
    pub fn sync_all(&self) -> Sync {
        Op::new(ops::Fsync::new(&self.fd))
    }

    /// Brings data, and the metadata that reading it back needs, to the device: fdatasync(2).
    ///
    /// # Errors
    ///
    /// As for [`sync_all`](Self::sync_all).
    pub fn sync_data(&self) -> Sync {
        Op::new(ops::Fsync::data(&self.fd))
    }

    /// Cuts the file off, or extends it by a hole, at `len` bytes.
    ///
    /// # Errors
    ///
    /// Those of ftruncate(2); `InvalidInput` past `i64::MAX`.
    pub async fn set_len(&self, len: u64) -> io::Result<()> {
        match Op::new(ops::Ftruncate::new(&self.fd, len)).await {
            // The kernel does not know the operation (before 6.9), or the request is really bad: ask the system call.
            Err(e) if e.kind() == io::ErrorKind::InvalidInput && len <= i64::MAX as u64 => {
                self.on_pool(move |file| file.set_len(len)).await
            }
            result => result,
        }
    }

    /// Reserves space for `len` bytes from `offset` on, and grows the file to hold them.
    ///
    /// # Errors
    ///
    /// Those of fallocate(2).
    pub async fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        Op::new(ops::Fallocate::new(&self.fd, 0, offset, len)).await
    }

    /// Turns `len` bytes from `offset` on into a hole, which reads as zeroes.
    ///
    /// # Errors
    ///
    /// Those of fallocate(2); `EOPNOTSUPP` where the file system has no holes.
    pub async fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()> {
        let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
        Op::new(ops::Fallocate::new(&self.fd, mode, offset, len)).await
    }

    /// What the kernel knows about the file.
    ///
    /// # Errors
    ///
    /// Those of statx(2).
    pub async fn metadata(&self) -> io::Result<Metadata> {
        Op::new(ops::Statx::of(&self.fd)).await
    }

    /// Changes the permissions.
    ///
    /// # Errors
    ///
    /// Those of fchmod(2).
    pub async fn set_permissions(&self, permissions: std::fs::Permissions) -> io::Result<()> {
        self.on_pool(move |file| file.set_permissions(permissions))
            .await
    }

    /// A reader and writer with a position of its own, at the file's start.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.clone())
    }

    /// Closes the file and says how that went.
    ///
    /// # Errors
    ///
    /// Those of close(2), after which the descriptor is gone all the same; `ResourceBusy` while
    /// clones of the file or operations on it live, in which case the last of them closes it.
    pub async fn close(self) -> io::Result<()> {
        match self.fd.try_into_owned() {
            Ok(fd) => Op::new(ops::Close::new(fd)).await,
            Err(_shared) => Err(io::Error::new(
                io::ErrorKind::ResourceBusy,
                "clones of this file or operations on it live: the last of them closes it",
            )),
        }
    }

    /// Runs a call of the standard library on the blocking pool, on a duplicate of the descriptor.
    async fn on_pool(
        &self,
        call: impl FnOnce(&std::fs::File) -> io::Result<()> + Send + 'static,
    ) -> io::Result<()> {
        let file = std::fs::File::from(self.fd.as_fd().try_clone_to_owned()?);
        unblock(move || call(&file)).await
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> Self {
        Self::from_shared(SharedFd::with_kind(fd, FdKind::File))
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        Self::from_std(file)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("fd", &self.as_raw_fd())
            .finish_non_exhaustive()
    }
}
