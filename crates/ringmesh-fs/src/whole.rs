//! Whole files at a time.

use std::{io, path::Path};

use ringmesh_buf::IoBuf;

use crate::File;

/// Reads a whole file.
///
/// # Errors
///
/// Those of opening and reading.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let file = File::open(path).await?;
    let (_, bytes) = file.read_to_end_at(Vec::new(), 0).await?;
    Ok(bytes)
}

/// Reads a whole file of UTF-8 text.
///
/// # Errors
///
/// Those of opening and reading; `InvalidData` if it is not UTF-8.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let bytes = read(path).await?;
    String::from_utf8(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// Writes a whole file: creates it, or replaces what is in it. It is not synced to the device; for
/// that, write with [`File`] and [`sync_all`](File::sync_all).
///
/// # Errors
///
/// Those of opening and writing; the file may hold part of the contents then.
pub async fn write(path: impl AsRef<Path>, contents: impl IoBuf) -> io::Result<()> {
    let file = File::create(path).await?;
    file.write_all_at(contents, 0).await?;
    file.close().await
}
