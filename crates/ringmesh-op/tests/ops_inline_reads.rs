//! When a read is answered from the page cache without the ring, and when it must not be: seen by the counters.

#[path = "support/ops.rs"]
mod support;

use std::{fs, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use ringmesh_op::{
    Builder, SharedFd,
    ops::{Read, ReadHints},
};
use support::{counted, dir, on, on_shard, op, pattern, shared_file};

/// Inline completions and submissions since the last look.
struct Look {
    inline: u64,
    submits: u64,
}

impl Look {
    fn new() -> Self {
        let now = counted();
        Self {
            inline: now.inline_completions,
            submits: now.submits,
        }
    }

    fn since(&mut self) -> (u64, u64) {
        let now = Self::new();
        let seen = (now.inline - self.inline, now.submits - self.submits);
        *self = now;
        seen
    }
}

fn open(path: &Path) -> SharedFd {
    shared_file(fs::File::open(path).unwrap())
}

/// Drops a file's pages from the cache, and switches its read-ahead off, so that only what is read comes back.
fn make_cold(file: &SharedFd) {
    for advice in [libc::POSIX_FADV_RANDOM, libc::POSIX_FADV_DONTNEED] {
        // SAFETY: no pointer is passed.
        let rc = unsafe { libc::posix_fadvise(file.inner().raw(), 0, 0, advice) };
        assert_eq!(rc, 0);
    }
}

fn synced_file(test: &str, len: usize) -> std::path::PathBuf {
    let path = dir(test).join("file");
    fs::write(&path, pattern(len)).unwrap();
    fs::File::open(&path).unwrap().sync_all().unwrap();
    path
}

#[test]
fn a_warm_file_is_read_inline() {
    let path = synced_file("warm", 10_000);
    on_shard(async {
        let (file, hints) = (open(&path), Arc::new(ReadHints::new()));
        let expected = fs::read(&path).unwrap();
        let mut look = Look::new();
        let (n, data) = op(Read::new(&file, vec![0; 4_096], 4_096).with_hints(&hints))
            .await
            .unwrap();
        assert_eq!((n, &data[..]), (4_096, &expected[4_096..8_192]));
        let (n, data) = op(Read::new(&file, Vec::with_capacity(4_096), 8_192).with_hints(&hints))
            .await
            .unwrap();
        assert_eq!(
            (n, &data[..]),
            (10_000 - 8_192, &expected[8_192..]),
            "short at the end of the file"
        );
        let (n, _) = op(Read::new(&file, vec![0; 4_096], 10_000).with_hints(&hints))
            .await
            .unwrap();
        assert_eq!(n, 0);
        assert_eq!(look.since(), (3, 0));

        let (n, data) = op(Read::new(&file, vec![0; 4_096], 0)).await.unwrap();
        assert_eq!((n, &data[..]), (4_096, &expected[..4_096]));
        assert_eq!(look.since(), (0, 1), "without hints the ring reads");
    });
}

#[test]
fn the_switch_turns_it_off() {
    let path = synced_file("switch", 4_096);
    on(Builder::new().shards(1).inline_reads(false), async {
        let (file, hints) = (open(&path), Arc::new(ReadHints::new()));
        fs::read(&path).unwrap();
        let mut look = Look::new();
        op(Read::new(&file, vec![0; 4_096], 0).with_hints(&hints))
            .await
            .unwrap();
        assert_eq!(look.since(), (0, 1));
    });
}

#[test]
fn errors_are_told_inline() {
    let path = synced_file("errors", 10);
    on_shard(async {
        let hints = Arc::new(ReadHints::new());
        let write_only = shared_file(fs::File::options().write(true).open(&path).unwrap());
        let error = op(Read::new(&write_only, vec![1; 8], 0).with_hints(&hints))
            .await
            .unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::EBADF));
        assert_eq!(error.into_parts().1, [1; 8]);
    });
}

#[test]
fn a_cold_file_is_read_by_the_ring_and_is_inline_again_once_warm() {
    let path = synced_file("cold", 1 << 20);
    on_shard(async {
        let (file, hints) = (open(&path), Arc::new(ReadHints::new()));
        let expected = pattern(1 << 20);
        make_cold(&file);
        let mut look = Look::new();
        for page in [0, 40, 80, 120, 160, 200] {
            let at = page * 4_096;
            let (n, data) = op(Read::new(&file, vec![0; 4_096], at as u64).with_hints(&hints))
                .await
                .unwrap();
            assert_eq!((n, &data[..]), (4_096, &expected[at..at + 4_096]));
        }
        let (inline, submits) = look.since();
        if inline > 0 {
            println!(
                "SKIP a_cold_file_is_read_by_the_ring: this file system does not drop its pages"
            );
            return;
        }
        assert_eq!(
            submits, 6,
            "each of them waits on the ring, not on the shard"
        );

        // Warm now, but taken for cold: the ring reads until a probe, one read in 16, completes without waiting.
        fs::read(&path).unwrap();
        let mut reads = 0;
        while look.since().0 == 0 {
            reads += 1;
            assert!(reads <= 17, "the probe comes after 16 reads");
            op(Read::new(&file, vec![0; 4_096], 0).with_hints(&hints))
                .await
                .unwrap();
        }
        assert!(reads > 2, "it was straight to the ring");
        op(Read::new(&file, vec![0; 4_096], 0).with_hints(&hints))
            .await
            .unwrap();
        assert_eq!(look.since(), (1, 0), "inline again");
    });
}

#[test]
fn a_short_inline_read_continues_on_the_ring_as_one_result() {
    let path = synced_file("short", 1 << 20);
    on_shard(async {
        let (file, hints) = (open(&path), Arc::new(ReadHints::new()));
        make_cold(&file);
        // Two pages of the middle are warm, what follows is cold.
        op(Read::new(&file, vec![0; 8_192], 65_536)).await.unwrap();
        let mut look = Look::new();
        let (n, data) = op(Read::new(&file, Vec::with_capacity(65_536), 65_536).with_hints(&hints))
            .await
            .unwrap();
        assert_eq!(
            n,
            data.capacity().min((1 << 20) - 65_536),
            "one result, not two"
        );
        assert_eq!(data[..], pattern(1 << 20)[65_536..65_536 + n]);
        if look.since() == (1, 0) {
            println!("SKIP a_short_inline_read_continues: the file system read ahead");
        }
    });
}

#[test]
fn an_o_direct_file_is_never_read_inline() {
    let path = synced_file("direct", 1 << 16);
    let file = match fs::File::options()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(&path)
    {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
            println!("SKIP an_o_direct_file_is_never_read_inline: the file system has no O_DIRECT");
            return;
        }
        Err(error) => panic!("open: {error}"),
    };
    on_shard(async {
        let (file, hints) = (shared_file(file), Arc::new(ReadHints::new()));
        let mut look = Look::new();
        for _ in 0..4 {
            let room = Aligned::new();
            let skip = room.skip;
            let slice = ringmesh_buf::Slice::new_mut(room.bytes, skip..skip + 4_096);
            let (n, slice) = op(Read::new(&file, slice, 8_192).with_hints(&hints))
                .await
                .unwrap();
            assert_eq!(n, 4_096);
            assert_eq!(
                slice.into_inner()[skip..skip + 4_096],
                pattern(1 << 16)[8_192..12_288]
            );
        }
        assert_eq!(look.since(), (0, 4));
    });
}

/// A heap block with an aligned page in it.
struct Aligned {
    bytes: Box<[u8]>,
    skip: usize,
}

impl Aligned {
    fn new() -> Self {
        let bytes = vec![0; 8_192].into_boxed_slice();
        let skip = bytes.as_ptr().align_offset(4_096);
        Self { bytes, skip }
    }
}

#[test]
fn tmpfs_is_read_inline_by_plain_pread() {
    let dir = Path::new("/dev/shm");
    let path = dir.join(format!("ringmesh-inline-{}", std::process::id()));
    if let Err(error) = fs::write(&path, pattern(20_000)) {
        println!("SKIP tmpfs_is_read_inline_by_plain_pread: no /dev/shm: {error}");
        return;
    }
    on_shard(async {
        let (file, hints) = (open(&path), Arc::new(ReadHints::new()));
        fs::remove_file(&path).unwrap();
        let mut look = Look::new();
        for at in [0, 4_096, 16_384, 20_000] {
            let (n, data) = op(Read::new(&file, vec![0; 4_096], at as u64).with_hints(&hints))
                .await
                .unwrap();
            assert_eq!(data[..n], pattern(20_000)[at..(at + 4_096).min(20_000)]);
        }
        assert_eq!(look.since(), (4, 0));
    });
}

#[test]
fn what_is_no_regular_file_goes_to_the_ring() {
    on_shard(async {
        let hints = Arc::new(ReadHints::new());
        let mut look = Look::new();
        let zero = open(Path::new("/dev/zero"));
        let (n, data) = op(Read::new(&zero, vec![1; 64], 0).with_hints(&hints))
            .await
            .unwrap();
        assert_eq!((n, data), (64, vec![0; 64]));
        assert_eq!(look.since(), (0, 1));
        // A file that the kernel makes up as it is read: no RWF_NOWAIT, and no memory either.
        let hints = Arc::new(ReadHints::new());
        let version = open(Path::new("/proc/version"));
        for _ in 0..2 {
            let (n, data) =
                op(Read::new(&version, Vec::with_capacity(4_096), 0).with_hints(&hints))
                    .await
                    .unwrap();
            assert_eq!(data[..n], fs::read("/proc/version").unwrap());
        }
        assert_eq!(look.since().0, 0);
    });
}

#[test]
fn hints_may_be_told_that_a_file_is_not_for_inline_reads() {
    let path = synced_file("ring_only", 4_096);
    on_shard(async {
        let (file, hints) = (open(&path), Arc::new(ReadHints::ring_only()));
        let mut look = Look::new();
        op(Read::new(&file, vec![0; 4_096], 0).with_hints(&hints))
            .await
            .unwrap();
        assert_eq!(look.since(), (0, 1));
    });
}

#[test]
fn a_poll_that_reads_inline_for_ever_yields() {
    let path = synced_file("budget", 4_096);
    on_shard(async {
        let (file, hints) = (open(&path), Arc::new(ReadHints::new()));
        let other = ringmesh_sched::spawn_local(async {});
        let mut room = vec![0; 4_096];
        let mut reads = 0;
        // Inline reads never wait: without a budget the other task would not be polled before this loop ends.
        while !other.is_finished() {
            reads += 1;
            assert!(reads < 100_000, "the other task starves");
            room = op(Read::new(&file, room, 0).with_hints(&hints))
                .await
                .unwrap()
                .1;
        }
    });
}
