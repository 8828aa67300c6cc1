//! Reading directories, some entries at a time.

use std::{collections::VecDeque, ffi::OsString, io, path::Path, path::PathBuf};

use ringmesh_op::ops::Metadata;

use crate::blocking::unblock;

/// Entries that one hop to the blocking pool brings. Picked: the hop costs some 10 us, an entry
/// well under one.
const BATCH: usize = 128;

/// Reads a directory. The order of entries is the file system's; `.` and `..` are left out.
///
/// ```
/// # use ringmesh_fs as fs;
/// # ringmesh_op::run(async {
/// let mut entries = fs::read_dir("/etc").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     let _name = entry.file_name();
/// }
/// # std::io::Result::Ok(()) }).unwrap().unwrap();
/// ```
///
/// # Errors
///
/// Those of opendir(3).
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref().to_owned();
    let source = unblock(move || std::fs::read_dir(path)).await?;
    Ok(ReadDir {
        source: Some(source),
        ready: VecDeque::new(),
    })
}

/// The entries of a directory, read as they are asked for.
#[derive(Debug)]
pub struct ReadDir {
    /// Away while a batch is read, and gone at the end.
    source: Option<std::fs::ReadDir>,
    ready: VecDeque<io::Result<DirEntry>>,
}

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// Cancel safety: none. A dropped future may take a batch of entries with it; the stream then
    /// ends early with an error.
    ///
    /// # Errors
    ///
    /// Those of readdir(3).
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        if self.ready.is_empty()
            && let Some(source) = self.source.take()
        {
            self.ready
                .push_back(Err(io::Error::other("a future of next_entry was dropped")));
            let (source, batch) = unblock(move || Ok(next_batch(source))).await?;
            (self.source, self.ready) = (source, batch);
        }
        self.ready.pop_front().transpose()
    }
}

fn next_batch(
    mut source: std::fs::ReadDir,
) -> (Option<std::fs::ReadDir>, VecDeque<io::Result<DirEntry>>) {
    let batch: VecDeque<_> = source
        .by_ref()
        .take(BATCH)
        .map(|entry| entry.map(DirEntry::new))
        .collect();
    let more = batch.len() == BATCH;
    (more.then_some(source), batch)
}

/// One entry of a directory.
#[derive(Debug)]
pub struct DirEntry {
    entry: std::fs::DirEntry,
    file_type: io::Result<std::fs::FileType>,
}

impl DirEntry {
    /// Runs on the blocking pool: some file systems' directories do not say what an entry is, and it takes an lstat(2).
    fn new(entry: std::fs::DirEntry) -> Self {
        let file_type = entry.file_type();
        Self { entry, file_type }
    }

    /// Its name, without the directory.
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// Its path: the directory's, as it was given, and the name.
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// What it is, symbolic links not followed.
    ///
    /// # Errors
    ///
    /// Those of lstat(2), on file systems whose directories do not say.
    pub fn file_type(&self) -> io::Result<std::fs::FileType> {
        self.file_type
            .as_ref()
            .copied()
            .map_err(|e| io::Error::new(e.kind(), e.to_string()))
    }

    /// What the kernel knows about it, symbolic links not followed.
    ///
    /// # Errors
    ///
    /// Those of statx(2).
    pub async fn metadata(&self) -> io::Result<Metadata> {
        crate::symlink_metadata(self.path()).await
    }
}
