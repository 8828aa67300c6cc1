//! Files alone: copies a file by reads and writes at offsets, several at a time, and compares.
//!
//! `cargo run --example copy_file [FROM]`

use std::{io, path::PathBuf};

use ringmesh_fs::{self as fs, File};
use ringmesh_sched::task::JoinHandle;

/// Bytes of one read and write.
const CHUNK: u64 = 64 * 1024;

fn main() -> io::Result<()> {
    let from = std::env::args()
        .nth(1)
        .map_or_else(std::env::current_exe, |path| Ok(PathBuf::from(path)))?;
    let to = std::env::temp_dir().join(format!("ringmesh-copy-{}", std::process::id()));
    ringmesh_op::run(async {
        let (source, target) = (File::open(&from).await?, File::create(&to).await?);
        let size = source.metadata().await?.size();
        // Each chunk is a task: its read and its write go through the ring of the shard that runs it.
        let chunks: Vec<JoinHandle<io::Result<()>>> = (0..size.div_ceil(CHUNK))
            .map(|chunk| ringmesh_sched::spawn(copy(source.clone(), target.clone(), chunk * CHUNK)))
            .collect();
        for chunk in chunks {
            chunk.await.map_err(io::Error::other)??;
        }
        target.sync_data().await?;
        assert!(
            fs::read(&from).await? == fs::read(&to).await?,
            "the copy differs"
        );
        println!("{size} bytes of {} copied and compared", from.display());
        fs::remove_file(&to).await
    })
    .map_err(io::Error::other)?
}

async fn copy(source: File, target: File, offset: u64) -> io::Result<()> {
    let (_, bytes) = source.read_at(vec![0; CHUNK as usize], offset).await?;
    target.write_all_at(bytes, offset).await?;
    Ok(())
}
