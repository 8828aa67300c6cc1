//! Prints files: `cargo run --release --example cat FILE..`
//!
//! The next block is read while the last one is written.

use std::io::{self, Write};

use ringmesh::fs::File;

/// Bytes of a read.
const BLOCK: usize = 64 * 1024;

#[ringmesh::main]
async fn main() -> io::Result<()> {
    for path in std::env::args().skip(1) {
        let file = File::open(&path).await?;
        cat(&file).await?;
    }
    Ok(())
}

async fn cat(file: &File) -> io::Result<()> {
    let mut offset = 0;
    let (mut n, mut block) = file.read_at(Vec::with_capacity(BLOCK), offset).await?;
    let mut spare = Vec::with_capacity(BLOCK);
    while n > 0 {
        offset += n as u64;
        // Stdout may be a terminal or a pipe that blocks: not on a shard.
        let write =
            ringmesh::spawn_blocking(move || io::stdout().write_all(&block).map(|()| block));
        let next = file.read_at(spare, offset).await?;
        spare = write.await.map_err(io::Error::other)??;
        (n, block) = next;
    }
    Ok(())
}
