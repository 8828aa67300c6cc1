//! Paths as the kernel reads them, and the directories they start from.

use std::{ffi::CString, io, os::unix::ffi::OsStrExt, path::Path};

use crate::fd::{FdRef, SharedFd};

/// A path and where it starts: owned by the op, so that the kernel may read it until the terminal CQE.
#[derive(Debug)]
pub(crate) struct At {
    dir: Option<FdRef>,
    path: CString,
}

impl At {
    /// `path`, starting from the current directory (`AT_FDCWD`) if it is relative.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is a NUL in it: the kernel would take what stands before it for the whole path.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|nul| {
            let why = format!(
                "the path has a NUL byte at {}, which no Linux path can",
                nul.nul_position()
            );
            io::Error::new(io::ErrorKind::InvalidInput, why)
        })?;
        Ok(Self { dir: None, path })
    }

    /// The empty path: with `AT_EMPTY_PATH`, the descriptor itself.
    pub(crate) fn itself(fd: &SharedFd) -> Self {
        Self {
            dir: Some(fd.inner()),
            path: CString::default(),
        }
    }

    /// Lets a relative path start from `dir`.
    pub(crate) fn set_dir(&mut self, dir: &SharedFd) {
        self.dir = Some(dir.inner());
    }

    /// The directory, for the op's ring mask.
    pub(crate) fn dir(&self) -> Option<&FdRef> {
        self.dir.as_ref()
    }

    /// The directory as the kernel takes it.
    pub(crate) fn dir_raw(&self) -> i32 {
        self.dir.as_ref().map_or(libc::AT_FDCWD, FdRef::raw)
    }

    /// The path's address, as an SQE holds it: a heap block that stays where it is when `self` moves.
    pub(crate) fn addr(&self) -> u64 {
        self.path.as_ptr() as u64
    }

    /// The path as a C string.
    pub(crate) fn path(&self) -> &std::ffi::CStr {
        &self.path
    }
}
