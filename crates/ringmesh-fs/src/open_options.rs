//! How to open a file.

use std::{
    future::{Future, poll_fn},
    io,
    path::Path,
    pin::Pin,
    task::Poll,
};

use ringmesh_op::{FdKind, Op, SharedFd, ops};

use crate::File;

/// How to open a file: the options of [`std::fs::OpenOptions`], opened on the ring.
///
/// ```
/// # use ringmesh_fs::OpenOptions;
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("log");
/// # ringmesh_op::run(async {
/// let log = OpenOptions::new().append(true).create(true).open(&path).await?;
/// log.write_at("line\n", 0).await?; // append: the kernel ignores the offset
/// # std::io::Result::Ok(()) }).unwrap().unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
    mode: u32,
    custom_flags: i32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// Everything off, mode 0o666 (less the umask).
    #[must_use]
    pub fn new() -> Self {
        Self {
            read: false,
            write: false,
            append: false,
            truncate: false,
            create: false,
            create_new: false,
            mode: 0o666,
            custom_flags: 0,
        }
    }

    /// For reading.
    pub fn read(&mut self, yes: bool) -> &mut Self {
        self.read = yes;
        self
    }

    /// For writing.
    pub fn write(&mut self, yes: bool) -> &mut Self {
        self.write = yes;
        self
    }

    /// For writing at the end, whatever the offset of a write says.
    pub fn append(&mut self, yes: bool) -> &mut Self {
        self.append = yes;
        self
    }

    /// Empties the file. Needs `write`.
    pub fn truncate(&mut self, yes: bool) -> &mut Self {
        self.truncate = yes;
        self
    }

    /// Creates the file if there is none. Needs `write` or `append`.
    pub fn create(&mut self, yes: bool) -> &mut Self {
        self.create = yes;
        self
    }

    /// Creates the file and fails if there is one. Needs `write` or `append`.
    pub fn create_new(&mut self, yes: bool) -> &mut Self {
        self.create_new = yes;
        self
    }

    /// Permissions of a file that is created, before the umask.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = mode;
        self
    }

    /// More `O_*` flags of open(2), `O_DIRECT` for example. The access mode's bits are ignored.
    pub fn custom_flags(&mut self, flags: i32) -> &mut Self {
        self.custom_flags = flags;
        self
    }

    /// Opens `path`.
    ///
    /// Cancel safety: dropped, a file that was opened all the same is closed again.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the options contradict each other, as with `std`, or if the path has a NUL
    /// in it; else those of openat(2).
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        let flags = self.access()? | self.creation()? | (self.custom_flags & !libc::O_ACCMODE);
        let open = || ops::OpenAt::new(path, flags, self.mode);
        let fd = match Op::new(open()?).await {
            // A FIFO without a reader: the ring's first try does not wait for one, open(2) does.
            Err(e) if e.raw_os_error() == Some(libc::ENXIO) && flags & libc::O_NONBLOCK == 0 => {
                Op::new(open()?.on_worker()).await?
            }
            result => result?,
        };
        let fd = SharedFd::with_kind(fd, FdKind::File);
        let metadata = Op::new(ops::Statx::of(&fd)).await?;
        if metadata.is_file() || metadata.is_dir() {
            return Ok(File::from_shared(fd));
        }
        if metadata.file_type() == libc::S_IFIFO
            && flags & (libc::O_NONBLOCK | libc::O_ACCMODE) == libc::O_RDONLY
        {
            return with_other_end(fd, Op::new(open()?.on_worker()))
                .await
                .map(File::from_shared);
        }
        // Operations on a terminal or device may wait for ever, as those on a socket do.
        let fd = fd
            .try_into_owned()
            .map_err(|_| io::ErrorKind::ResourceBusy)?;
        Ok(File::from_shared(SharedFd::with_kind(fd, FdKind::Socket)))
    }

    fn access(&self) -> io::Result<i32> {
        match (self.read, self.write, self.append) {
            (true, false, false) => Ok(libc::O_RDONLY),
            (false, true, false) => Ok(libc::O_WRONLY),
            (true, true, false) => Ok(libc::O_RDWR),
            (false, _, true) => Ok(libc::O_WRONLY | libc::O_APPEND),
            (true, _, true) => Ok(libc::O_RDWR | libc::O_APPEND),
            (false, false, false) => Err(invalid("neither read, write nor append was asked for")),
        }
    }

    fn creation(&self) -> io::Result<i32> {
        if !(self.write || self.append) && (self.truncate || self.create || self.create_new) {
            return Err(invalid(
                "truncate, create and create_new need write or append",
            ));
        }
        if self.append && self.truncate && !self.create_new {
            return Err(invalid("append and truncate exclude each other"));
        }
        Ok(match (self.create, self.truncate, self.create_new) {
            (_, _, true) => libc::O_CREAT | libc::O_EXCL,
            (true, true, false) => libc::O_CREAT | libc::O_TRUNC,
            (true, false, false) => libc::O_CREAT,
            (false, true, false) => libc::O_TRUNC,
            (false, false, false) => 0,
        })
    }
}

/// A FIFO whose other end is open.
///
/// The ring's first try opens a FIFO without its other end, open(2) waits for it. Neither descriptor alone will do: a
/// second, waiting open hangs if the writer came and went in between, and the first cannot tell whether a silent writer
/// is there. So both are asked: the waiting open is done when the other end is there, the poll of the first descriptor
/// when bytes or an end came.
async fn with_other_end(first: SharedFd, mut waiting: Op<ops::OpenAt>) -> io::Result<SharedFd> {
    let fd = first
        .try_into_owned()
        .map_err(|_| io::ErrorKind::ResourceBusy)?;
    let first = SharedFd::with_kind(fd, FdKind::Socket);
    let mut came = Op::new(ops::PollAdd::new(&first, libc::POLLIN as u32));
    let second = poll_fn(|cx| match Pin::new(&mut came).poll(cx) {
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => Pin::new(&mut waiting).poll(cx).map(Some),
    });
    match second.await {
        None => Ok(first),
        Some(fd) => Ok(SharedFd::with_kind(fd?, FdKind::Socket)),
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}
