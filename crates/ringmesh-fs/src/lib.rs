//! Files on the op lane.
//!
//! Reads and writes go straight to the kernel's ring, or, where the page cache holds the bytes,
//! are answered on the spot; nothing here waits on a disk in your task's thread, and no thread pool
//! stands between. Buffers are owned: each operation takes one and gives it back.
//!
//! ```
//! use ringmesh_fs::{self as fs, File};
//!
//! # fn main() -> std::io::Result<()> {
//! # let dir = tempfile::tempdir()?;
//! # let path = dir.path().join("greeting");
//! ringmesh_op::run(async {
//!     fs::write(&path, "hello, mesh").await?;
//!
//!     let file = File::open(&path).await?;
//!     let (n, buf) = file.read_at(Vec::with_capacity(5), 0).await?;
//!     assert_eq!((n, buf.as_slice()), (5, b"hello".as_slice()));
//!
//!     let at_once = fs::read_to_string(&path).await?;
//!     assert_eq!(at_once, "hello, mesh");
//!     std::io::Result::Ok(())
//! })?
//! # }
//! ```
//!
//! * [`File`] reads and writes at offsets; [`Cursor`] keeps a position.
//! * [`OpenOptions`] says how to open.
//! * The free functions work on paths, under the names of `std::fs`.
//!
//! # What happens where
//!
//! | operation | how |
//! |---|---|
//! | read of cached bytes | `preadv2(RWF_NOWAIT)` inline, the ring for what is missing |
//! | other reads, writes, syncs, opens, closes | the ring |
//! | metadata of a cached path | inline without risk of blocking, else the ring |
//! | [`create_dir`], [`remove_file`], [`rename`] and the like | the ring (a kernel worker runs them) |
//! | [`read_dir`], [`canonicalize`], [`copy`], [`set_permissions`], [`read_link`], [`remove_dir_all`] | the runtime's blocking pool: the kernel offers no ring operation |
//!
//! # Cancel safety
//!
//! Dropping a read's future loses nothing: the bytes are still in the file. Dropping a write's
//! future leaves open whether it happens; a write that the kernel has taken may land later, also
//! after a newer one. Await a write's [`cancel`](ringmesh_op::Op::cancel) to know.

#![forbid(unsafe_code)]

mod blocking;
mod cursor;
mod dir_entries;
mod file;
mod open_options;
mod paths;
mod whole;

pub use cursor::Cursor;
pub use dir_entries::{DirEntry, ReadDir, read_dir};
pub use file::{File, ReadAt, ReadVectoredAt, Sync, WriteAt, WriteVectoredAt};
pub use open_options::OpenOptions;
pub use paths::{
    canonicalize, copy, create_dir, create_dir_all, exists, hard_link, metadata, read_link,
    remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink, symlink_metadata,
};
pub use ringmesh_op::ops::Metadata;
pub use whole::{read, read_to_string, write};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
