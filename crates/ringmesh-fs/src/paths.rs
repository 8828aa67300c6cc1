//! What `std::fs` does with paths.

use std::{
    io,
    path::{Path, PathBuf},
};

use ringmesh_op::{
    Op,
    ops::{self, Metadata},
};

use crate::blocking::unblock;

/// Creates a directory, mode 0o777 less the umask.
///
/// # Errors
///
/// Those of mkdir(2).
pub async fn create_dir(path: impl AsRef<Path>) -> io::Result<()> {
    Op::new(ops::MkdirAt::new(path, 0o777)?).await
}

/// Creates a directory and those above it that are missing. One that exists is no error.
///
/// # Errors
///
/// Those of mkdir(2); `NotADirectory` or `AlreadyExists` if a file is in the way.
pub async fn create_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    // From the path upwards to the first that is there or can be made, then down again.
    let mut missing: Vec<&Path> = Vec::new();
    for dir in path.ancestors().filter(|dir| !dir.as_os_str().is_empty()) {
        match create_one(dir).await {
            Ok(()) => break,
            Err(e) if e.kind() == io::ErrorKind::NotFound => missing.push(dir),
            Err(e) => return Err(e),
        }
    }
    while let Some(dir) = missing.pop() {
        create_one(dir).await?;
    }
    Ok(())
}

/// Creates a directory unless it is there, also if somebody else creates it at the same time.
async fn create_one(dir: &Path) -> io::Result<()> {
    match create_dir(dir).await {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => match metadata(dir).await {
            Ok(found) if found.is_dir() => Ok(()),
            _ => Err(e),
        },
        result => result,
    }
}

/// Removes a file, or a symbolic link.
///
/// # Errors
///
/// Those of unlink(2).
pub async fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    Op::new(ops::UnlinkAt::new(path)?).await
}

/// Removes an empty directory.
///
/// # Errors
///
/// Those of rmdir(2).
pub async fn remove_dir(path: impl AsRef<Path>) -> io::Result<()> {
    Op::new(ops::UnlinkAt::dir(path)?).await
}

/// Removes a directory and everything in it, without following symbolic links. Runs on the
/// blocking pool.
///
/// # Errors
///
/// Those of [`std::fs::remove_dir_all`].
pub async fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::remove_dir_all(path)).await
}

/// Gives a file or directory another name, replacing a file that has it.
///
/// # Errors
///
/// Those of rename(2).
pub async fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    Op::new(ops::RenameAt::new(from, to)?).await
}

/// Gives the file `original` one more name, `link`.
///
/// # Errors
///
/// Those of link(2).
pub async fn hard_link(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    Op::new(ops::LinkAt::new(original, link)?).await
}

/// Makes `link` a symbolic link to `original`.
///
/// # Errors
///
/// Those of symlink(2).
pub async fn symlink(original: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    Op::new(ops::SymlinkAt::new(original, link)?).await
}

/// Where a symbolic link points. Runs on the blocking pool.
///
/// # Errors
///
/// Those of readlink(2).
pub async fn read_link(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::read_link(path)).await
}

/// The absolute path without symbolic links. Runs on the blocking pool.
///
/// # Errors
///
/// Those of realpath(3).
pub async fn canonicalize(path: impl AsRef<Path>) -> io::Result<PathBuf> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::canonicalize(path)).await
}

/// What the kernel knows about what `path` leads to. Answered inline where the path is cached.
///
/// # Errors
///
/// Those of statx(2).
pub async fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    Op::new(ops::Statx::new(path)?).await
}

/// What the kernel knows about what is at `path` itself, be it a symbolic link.
///
/// # Errors
///
/// Those of statx(2).
pub async fn symlink_metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    Op::new(ops::Statx::symlink(path)?).await
}

/// Whether `path` leads to something.
///
/// # Errors
///
/// Those of statx(2), but for "not found".
pub async fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    match metadata(path).await {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Changes permissions. Runs on the blocking pool.
///
/// # Errors
///
/// Those of chmod(2).
pub async fn set_permissions(
    path: impl AsRef<Path>,
    permissions: std::fs::Permissions,
) -> io::Result<()> {
    let path = path.as_ref().to_owned();
    unblock(move || std::fs::set_permissions(path, permissions)).await
}

/// Copies a file's contents and permissions and returns how many bytes that were. Runs on the
/// blocking pool, where the kernel copies without the bytes passing through the process
/// (copy_file_range(2)); dropped, it goes on.
///
/// # Errors
///
/// Those of [`std::fs::copy`].
pub async fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    unblock(move || std::fs::copy(from, to)).await
}
