//! Prints files with linked ops (IOSQE_IO_LINK): `cargo run --release --example linked_cat FILE..`
//!
//! Each step is a chain of two ops that enter the kernel together: write this block, and *if all of it was taken* read the
//! next one. A pipe may take less; then the kernel cancels the read, and both buffers come back.

use std::io;
use std::os::fd::AsFd;

use ringmesh::fs::OpenOptions;
use ringmesh::op::ops::{Read, Write};
use ringmesh::op::{Chain, Op, SharedFd};

/// Bytes of a read.
const BLOCK: usize = 64 * 1024;

#[ringmesh::main]
async fn main() -> io::Result<()> {
    let out = SharedFd::new(io::stdout().as_fd().try_clone_to_owned()?);
    for path in std::env::args().skip(1) {
        let file = OpenOptions::new().read(true).open(&path).await?;
        let file = SharedFd::new(file.as_fd().try_clone_to_owned()?);
        cat(&file, &out).await?;
    }
    Ok(())
}

async fn cat(file: &SharedFd, out: &SharedFd) -> io::Result<()> {
    let first = Read::new(file, Vec::with_capacity(BLOCK), 0);
    let (n, mut block) = Op::new(first).await?;
    let mut spare = Vec::with_capacity(BLOCK);
    let mut offset = n as u64;
    while !block.is_empty() {
        let write = Write::current(out, block);
        let read = Read::new(file, spare, offset);
        let chain = Chain::new().then(write).then(read);
        let (wrote, read) = chain.submit().map_err(io::Error::other)?.await;
        let (taken, mut written) = wrote?;
        match read {
            Ok((n, next)) => {
                offset += n as u64;
                (block, spare) = (next, written);
            }
            Err(cancelled) if taken < written.len() => {
                let (_, buffer) = cancelled.into_parts();
                written.drain(..taken);
                (block, spare) = (written, buffer);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
