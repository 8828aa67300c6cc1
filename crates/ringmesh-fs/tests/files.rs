//! Files behave as those of `std::fs` do, on the real kernel.

use std::{
    fs as std_fs,
    io::ErrorKind,
    os::unix::fs::{FileExt, OpenOptionsExt},
    time::Duration,
};

use ringmesh_buf::IoBufMut;
use ringmesh_fs::{self as fs, Cursor, File, OpenOptions};
use ringmesh_op::run;
use tempfile::tempdir;

fn on_shard<T>(body: impl Future<Output = T>) -> T {
    run(async {
        ringmesh_sched::time::timeout(Duration::from_secs(60), body)
            .await
            .expect("the test hangs")
    })
    .expect("a runtime on io_uring")
}

#[test]
fn what_was_written_is_read_back() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    on_shard(async {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .await
            .unwrap();
        let (n, _) = file.write_at("hello, mesh", 0).await.unwrap();
        assert_eq!(n, 11);
        file.sync_data().await.unwrap();
        // vec![0; N] and with_capacity(N) behave alike: len is what came.
        let (n, buf) = file.read_at(vec![0; 5], 7).await.unwrap();
        assert_eq!((n, buf.as_slice()), (4, b"mesh".as_slice()));
        let (n, buf) = file.read_at(Vec::with_capacity(5), 0).await.unwrap();
        assert_eq!((n, buf.as_slice()), (5, b"hello".as_slice()));
        assert_eq!(
            file.read_at(buf, 11).await.unwrap().0,
            0,
            "the end of the file"
        );
        file.set_len(5).await.unwrap();
        assert_eq!(file.metadata().await.unwrap().size(), 5);
        file.sync_all().await.unwrap();
        file.close().await.unwrap();
    });
    assert_eq!(std_fs::read(&path).unwrap(), b"hello");
}

#[test]
fn read_exact_and_write_all_say_how_far_they_came() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    std_fs::write(&path, b"0123456789").unwrap();
    on_shard(async {
        let file = File::open(&path).await.unwrap();
        let (n, buf) = file
            .read_exact_at(Vec::with_capacity(8), 8, 1)
            .await
            .unwrap();
        assert_eq!((n, buf.as_slice()), (8, b"12345678".as_slice()));
        let short = file.read_exact_at(buf, 8, 6).await.unwrap_err();
        assert_eq!(
            (short.kind(), short.progress()),
            (ErrorKind::UnexpectedEof, 4)
        );
        assert_eq!(short.buf(), b"6789");
        let narrow = file.read_exact_at([0u8; 4], 5, 0).await.unwrap_err();
        assert_eq!(narrow.kind(), ErrorKind::InvalidInput);
        let refused = file.write_all_at("x", 0).await.unwrap_err();
        assert_eq!(
            (refused.error().raw_os_error(), refused.progress()),
            (Some(libc::EBADF), 0)
        );
    });
}

#[test]
fn bad_input_is_refused_and_the_buffer_comes_back() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    std_fs::write(&path, b"x").unwrap();
    on_shard(async {
        let nul = File::open("a\0b").await.unwrap_err();
        assert_eq!(nul.kind(), ErrorKind::InvalidInput);
        for kind in [
            fs::create_dir("a\0b").await.unwrap_err().kind(),
            fs::remove_file("a\0b").await.unwrap_err().kind(),
            fs::rename("a", "a\0b").await.unwrap_err().kind(),
            fs::metadata("a\0b").await.unwrap_err().kind(),
            OpenOptions::new().open(&path).await.unwrap_err().kind(),
            OpenOptions::new()
                .read(true)
                .truncate(true)
                .open(&path)
                .await
                .unwrap_err()
                .kind(),
        ] {
            assert_eq!(kind, ErrorKind::InvalidInput);
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .await
            .unwrap();
        let (error, buf) = file
            .read_at(vec![7; 3], u64::MAX)
            .await
            .unwrap_err()
            .into_parts();
        assert_eq!((error.kind(), buf), (ErrorKind::InvalidInput, vec![7; 3]));
        let (error, buf) = file
            .write_at(vec![7; 3], 1 << 63)
            .await
            .unwrap_err()
            .into_parts();
        assert_eq!((error.kind(), buf), (ErrorKind::InvalidInput, vec![7; 3]));
        let no_room = file.read_at(Vec::new(), 0).await.unwrap_err();
        assert_eq!(no_room.kind(), ErrorKind::InvalidInput);
        assert_eq!(file.write_at(Vec::new(), 0).await.unwrap().0, 0);
        assert_eq!(
            fs::metadata(dir.path().join("none"))
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::NotFound
        );
    });
}

#[test]
fn a_clone_keeps_the_file_open_and_close_says_so() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    on_shard(async {
        let file = File::create(&path).await.unwrap();
        let clone = file.clone();
        assert_eq!(
            file.close().await.unwrap_err().kind(),
            ErrorKind::ResourceBusy
        );
        clone.write_all_at("still open", 0).await.unwrap();
        clone.close().await.unwrap();
        assert_eq!(fs::read_to_string(&path).await.unwrap(), "still open");
    });
}

#[test]
fn lists_of_buffers_are_filled_and_written_in_order() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    on_shard(async {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .open(&path)
            .await
            .unwrap();
        let (n, _) = file.write_vectored_at(["ab", "cde"], 0).await.unwrap();
        assert_eq!(n, 5);
        let (n, (head, tail)) = file
            .read_vectored_at(([0u8; 2], Vec::with_capacity(8)), 0)
            .await
            .unwrap();
        assert_eq!((n, &head, tail.as_slice()), (5, b"ab", b"cde".as_slice()));
    });
}

#[test]
fn a_cursor_moves_along() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("f");
    on_shard(async {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .open(&path)
            .await
            .unwrap();
        let mut cursor: Cursor = file.cursor();
        cursor.write_all("hello ").await.unwrap();
        cursor.write_all("mesh").await.unwrap();
        assert_eq!(cursor.position(), 10);
        assert_eq!(cursor.seek(std::io::SeekFrom::End(-4)).await.unwrap(), 6);
        let (_, buf) = cursor.read(Vec::with_capacity(2)).await.unwrap();
        let (_, buf2) = cursor.read(Vec::with_capacity(9).limit(2)).await.unwrap();
        assert_eq!(
            (buf.as_slice(), buf2.into_inner().as_slice()),
            (b"me".as_slice(), b"sh".as_slice())
        );
        assert_eq!(
            cursor
                .seek(std::io::SeekFrom::Current(-11))
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::InvalidInput
        );
        assert_eq!(cursor.position(), 10);
    });
}

#[test]
fn paths_come_and_go() {
    let dir = tempdir().unwrap();
    let root = dir.path().to_owned();
    on_shard(async {
        fs::create_dir_all(root.join("a/b/c")).await.unwrap();
        fs::create_dir_all(root.join("a/b/c")).await.unwrap();
        fs::write(root.join("a/f"), "1").await.unwrap();
        assert!(
            fs::create_dir_all(root.join("a/f/g")).await.is_err(),
            "a file is in the way"
        );
        assert_eq!(
            fs::create_dir_all(root.join("a/f"))
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::AlreadyExists
        );
        fs::rename(root.join("a/f"), root.join("a/g"))
            .await
            .unwrap();
        fs::hard_link(root.join("a/g"), root.join("a/h"))
            .await
            .unwrap();
        fs::symlink("g", root.join("a/s")).await.unwrap();
        assert_eq!(
            fs::read_link(root.join("a/s")).await.unwrap().to_str(),
            Some("g")
        );
        assert!(
            fs::symlink_metadata(root.join("a/s"))
                .await
                .unwrap()
                .is_symlink()
        );
        assert_eq!(fs::metadata(root.join("a/s")).await.unwrap().links(), 2);
        assert_eq!(
            fs::copy(root.join("a/g"), root.join("a/k")).await.unwrap(),
            1
        );
        let mut names = Vec::new();
        let mut entries = fs::read_dir(root.join("a")).await.unwrap();
        while let Some(entry) = entries.next_entry().await.unwrap() {
            names.push(entry.file_name().into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["b", "g", "h", "k", "s"]);
        assert_eq!(
            fs::remove_dir(root.join("a/b")).await.unwrap_err().kind(),
            ErrorKind::DirectoryNotEmpty
        );
        fs::remove_dir(root.join("a/b/c")).await.unwrap();
        fs::remove_file(root.join("a/s")).await.unwrap();
        assert!(fs::exists(root.join("a/g")).await.unwrap());
        assert!(!fs::exists(root.join("a/s")).await.unwrap());
        fs::remove_dir_all(root.join("a")).await.unwrap();
        assert!(!fs::exists(root.join("a")).await.unwrap());
    });
}

#[test]
fn a_directory_of_many_entries_is_streamed_whole() {
    let dir = tempdir().unwrap();
    for i in 0..1000 {
        std_fs::write(dir.path().join(i.to_string()), b"").unwrap();
    }
    on_shard(async {
        let mut entries = fs::read_dir(dir.path()).await.unwrap();
        let mut count = 0;
        while let Some(entry) = entries.next_entry().await.unwrap() {
            assert!(entry.file_type().unwrap().is_file());
            count += 1;
        }
        assert_eq!(count, 1000);
    });
}

/// A FIFO is no file: its open waits for the other end without blocking the shard, and its reads wait for bytes.
#[test]
fn a_fifo_is_read_as_its_bytes_come() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    if !made.is_ok_and(|s| s.success()) {
        println!("SKIP a_fifo_is_read_as_its_bytes_come: no mkfifo");
        return;
    }
    let writer = {
        let path = path.clone();
        std::thread::spawn(move || std_fs::write(path, b"through the pipe").unwrap())
    };
    on_shard(async {
        let fifo = File::open(&path).await.unwrap();
        let mut all = Vec::new();
        loop {
            let (n, buf) = fifo.read(Vec::with_capacity(4)).await.unwrap();
            if n == 0 {
                break;
            }
            all.extend_from_slice(&buf);
        }
        assert_eq!(all, b"through the pipe");
    });
    writer.join().unwrap();
}

/// The same random operations on ours and on std's file leave the same file and give the same answers.
#[test]
fn random_operations_agree_with_std() {
    let dir = tempdir().unwrap();
    for seed in 1..=8 {
        let (ours, theirs) = (
            dir.path().join(format!("o{seed}")),
            dir.path().join(format!("t{seed}")),
        );
        on_shard(async {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .open(&ours)
                .await
                .unwrap();
            let std = std_fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&theirs)
                .unwrap();
            let mut random = Random(seed);
            for _ in 0..200 {
                let (offset, len) = (random.below(100_000), random.below(20_000) as usize + 1);
                match random.below(8) {
                    0..=2 => {
                        let bytes = vec![random.below(256) as u8; len];
                        std.write_all_at(&bytes, offset).unwrap();
                        file.write_all_at(bytes, offset).await.unwrap();
                    }
                    3..=5 => {
                        let mut expected = vec![0; len];
                        let n = std.read_at(&mut expected, offset).unwrap();
                        let (got, buf) = file
                            .read_at(Vec::with_capacity(len).limit(len), offset)
                            .await
                            .unwrap();
                        assert_eq!(
                            (got, &expected[..n]),
                            (n, buf.into_inner().as_slice()),
                            "seed {seed}"
                        );
                    }
                    6 => {
                        std.set_len(offset).unwrap();
                        file.set_len(offset).await.unwrap();
                    }
                    _ => assert_eq!(
                        std.metadata().unwrap().len(),
                        file.metadata().await.unwrap().size()
                    ),
                }
            }
        });
        assert!(
            std_fs::read(ours).unwrap() == std_fs::read(theirs).unwrap(),
            "seed {seed}"
        );
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// O_DIRECT reads are never answered inline: the device would be waited for on the shard's thread.
#[test]
fn o_direct_goes_through_the_ring() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = dir.path().join("f");
    std_fs::write(&path, vec![7u8; 8192]).unwrap();
    if let Err(e) = std_fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECT)
        .open(&path)
    {
        println!("SKIP o_direct_goes_through_the_ring: this file system has no O_DIRECT: {e}");
        return;
    }
    on_shard(async {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECT)
            .open(&path)
            .await
            .unwrap();
        let inline = || {
            ringmesh_sched::Handle::current()
                .metrics()
                .total()
                .inline_completions
        };
        let before = inline();
        let (n, _) = file
            .read_at(Box::new(Page([0; 4096])).into_buf(), 4096)
            .await
            .unwrap();
        assert_eq!(n, 4096);
        assert_eq!(inline(), before);
    });
}

#[repr(align(4096))]
struct Page([u8; 4096]);

impl Page {
    /// A page-aligned buffer: a leaked page is a `'static` one.
    fn into_buf(self: Box<Self>) -> Aligned {
        Aligned(self)
    }
}

struct Aligned(Box<Page>);

// SAFETY: the page is initialised and stays where its box put it.
unsafe impl ringmesh_buf::IoBuf for Aligned {
    fn as_ptr(&self) -> *const u8 {
        self.0.0.as_ptr()
    }

    fn len_init(&self) -> usize {
        4096
    }
}

// SAFETY: as above, borrowed exclusively; the length is fixed.
unsafe impl IoBufMut for Aligned {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.0.as_mut_ptr()
    }

    fn capacity_total(&self) -> usize {
        4096
    }

    unsafe fn set_len_init(&mut self, _len: usize) {}
}

#[test]
fn open_files_and_their_futures_may_move_between_threads() {
    fn sendable<T: Send + Sync + Unpin>(_: &T) {}
    fn send<T: Send>(_: &T) {}
    let file = File::from_std(std_fs::File::open("/dev/null").unwrap());
    sendable(&file);
    sendable(&file.read_at(Vec::with_capacity(1), 0));
    sendable(&file.write_at(vec![1], 0));
    sendable(&file.sync_all());
    send(&file.read_exact_at(vec![0], 1, 0));
    send(&fs::read("x"));
    send(&fs::create_dir_all("x"));
}
