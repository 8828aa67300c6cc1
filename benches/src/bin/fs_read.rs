//! Reads of 4 KiB at random places of a 16 MiB file that is in the page cache: one at a time, and 32 joined.
//!
//! Three ways: `pread` by std, ours inline (`preadv2` with RWF_NOWAIT, which never misses here), ours by the ring (the
//! builder's switch). Every contender uses its buffers again. The file lies beside the program, or in `--directory D`.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use ringmesh::fs::File;
use ringmesh_bench::checksum::checksum;
use ringmesh_bench::cpu;
use ringmesh_bench::option;
use ringmesh_bench::payload;
use ringmesh_bench::rounds::{Placement, Sample, Table, Unit, Watch};
use ringmesh_bench::runtimes::Mesh;

/// Bytes of a read.
const SIZE: usize = 4 << 10;
/// Reads that the file holds.
const BLOCKS: u64 = 4 << 10;
/// Reads in flight in the second table.
const DEPTH: usize = 32;

fn main() {
    let reads = option::value("--reads", 32 * 1024u64).next_multiple_of(DEPTH as u64);
    let path = file().expect("a file of 16 MiB; --directory D says where");
    for placement in Placement::asked() {
        for depth in [1, DEPTH] {
            let (std_path, inline_path, ring_path) = (path.clone(), path.clone(), path.clone());
            Table::new(
                format!("4 KiB reads, page cache, depth {depth}"),
                placement,
                Unit::Nanos,
            )
            .row("std pread", move || {
                if placement == Placement::Pinned {
                    cpu::pin(0);
                }
                std_reads(&std_path, reads)
            })
            .row("ringmesh, inline", move || {
                ours(placement, true, &inline_path, depth, reads)
            })
            .row("ringmesh, by the ring", move || {
                ours(placement, false, &ring_path, depth, reads)
            })
            .run();
        }
    }
    _ = fs::remove_file(path);
}

fn file() -> std::io::Result<PathBuf> {
    let beside = std::env::current_exe()?;
    let beside = beside.parent().map(Path::to_path_buf).unwrap_or_default();
    let path = option::value("--directory", beside).join(format!("fs_read-{}", std::process::id()));
    let mut file = fs::File::create(&path)?;
    file.write_all(&payload::file(SIZE * BLOCKS as usize))?;
    // Written back now, so that no later write-back falls into a round.
    file.sync_all()?;
    Ok(path)
}

/// The place of the n-th read.
fn offset(n: u64) -> u64 {
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % BLOCKS * SIZE as u64
}

/// Part of what was read, so that checking costs little and still depends on every read.
fn digest(buffer: &[u8]) -> u64 {
    checksum(&buffer[SIZE - 16..])
}

fn std_reads(path: &Path, reads: u64) -> Sample {
    let file = fs::File::open(path).expect("the file");
    let mut buffer = vec![0; SIZE];
    let mut sum = 0u64;
    let watch = Watch::start();
    for n in 0..reads {
        file.read_exact_at(&mut buffer, offset(n)).expect("a read");
        sum = sum.wrapping_add(digest(&buffer));
    }
    watch.end(reads, sum)
}

fn ours(placement: Placement, inline: bool, path: &Path, depth: usize, reads: u64) -> Sample {
    let builder = Mesh::builder(1, placement).inline_reads(inline);
    let path = path.to_path_buf();
    let run = async move {
        let file = File::open(path).await.expect("the file");
        if depth == 1 {
            single(&file, reads).await
        } else {
            joined(&file, reads).await
        }
    };
    builder.run(run).expect("a mesh")
}

async fn single(file: &File, reads: u64) -> Sample {
    let mut buffer = Vec::with_capacity(SIZE);
    let mut sum = 0u64;
    let watch = Watch::start();
    for n in 0..reads {
        let read = file.read_at(buffer, offset(n)).await.expect("a read");
        assert_eq!(read.0, SIZE);
        buffer = read.1;
        sum = sum.wrapping_add(digest(&buffer));
    }
    watch.end(reads, sum)
}

async fn joined(file: &File, reads: u64) -> Sample {
    let mut buffers: Vec<Vec<u8>> = (0..DEPTH).map(|_| Vec::with_capacity(SIZE)).collect();
    let mut sum = 0u64;
    let watch = Watch::start();
    for batch in 0..reads / DEPTH as u64 {
        let first = batch * DEPTH as u64;
        let reads = buffers
            .drain(..)
            .zip(first..)
            .map(|(buffer, n)| file.read_at(buffer, offset(n)));
        for read in join_all(reads.collect::<Vec<_>>()).await {
            let (n, buffer) = read.expect("a read");
            assert_eq!(n, SIZE);
            sum = sum.wrapping_add(digest(&buffer));
            buffers.push(buffer);
        }
    }
    watch.end(reads, sum)
}
