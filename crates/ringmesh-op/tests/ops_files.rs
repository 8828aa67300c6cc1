//! The file ops on the real kernel: what they do, what they say when it goes wrong, what a drop leaves behind.

#[path = "support/ops.rs"]
mod support;

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, symlink},
};

use futures_lite::future::poll_once;
use ringmesh_op::{
    Chain, Op, SharedFd,
    ops::{
        Close, Fallocate, Fsync, Ftruncate, LinkAt, MkdirAt, OpenAt, OpenAt2, Read, Readv,
        RenameAt, Statx, SymlinkAt, UnlinkAt, Write, Writev,
    },
};
use support::{counted, dir, on_shard, op, pattern, pipe, quiesce, shared_file, submitted};

fn temp(test: &str, content: &[u8]) -> (std::path::PathBuf, SharedFd) {
    let path = dir(test).join("file");
    fs::write(&path, content).unwrap();
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    (path, shared_file(file))
}

#[test]
fn open_write_read_close() {
    let path = dir("open_write_read_close").join("new");
    on_shard(async {
        let open = OpenAt::new(&path, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, 0o640).unwrap();
        let fd = op(open).await.unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777 & !0o640, 0);
        let file = SharedFd::new(fd);
        let (n, data) = op(Write::new(&file, pattern(10_000), 0)).await.unwrap();
        assert_eq!((n, data.len()), (10_000, 10_000));
        let (n, back) = op(Read::new(&file, Vec::with_capacity(20_000), 0))
            .await
            .unwrap();
        assert_eq!(n, 10_000, "the end of the file makes it short");
        assert_eq!(back, data, "the length is what was read");
        let (n, back) = op(Read::new(&file, vec![7; 100], 9_990)).await.unwrap();
        assert_eq!((n, &back[..]), (10, &data[9_990..]));
        let (n, back) = op(Read::new(&file, [9; 4], 10_000)).await.unwrap();
        assert_eq!(
            (n, back),
            (0, [9; 4]),
            "the end of the file is Ok(0) and touches nothing"
        );
        let fd = file.try_into_owned().expect("no op holds it any more");
        op(Close::new(fd)).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), data);
        quiesce().await;
    });
}

#[test]
fn errors_keep_their_errno_and_give_the_buffer_back() {
    let (_, file) = temp("errors_keep_their_errno", b"");
    on_shard(async {
        let missing = OpenAt::new("/nonexistent/file", libc::O_RDONLY, 0).unwrap();
        assert_eq!(
            op(missing).await.unwrap_err().raw_os_error(),
            Some(libc::ENOENT)
        );

        let directory = shared_file(fs::File::open("/").unwrap());
        let error = op(Read::new(&directory, vec![1; 16], 0)).await.unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::EISDIR));
        assert_eq!(error.into_parts().1, vec![1; 16]);

        let read_only = shared_file(fs::File::open("/proc/self/exe").unwrap());
        let error = op(Write::new(&read_only, vec![1; 16], 0))
            .await
            .unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::EBADF));
        assert_eq!(error.into_parts().1, vec![1; 16]);

        let error = op(Writev::new(&read_only, vec![vec![1; 16]], 0))
            .await
            .unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::EBADF));
        assert_eq!(error.into_parts().1, vec![vec![1; 16]]);

        let (reader, _writer) = pipe();
        assert_eq!(
            op(Fsync::new(&reader)).await.unwrap_err().raw_os_error(),
            Some(libc::EINVAL)
        );
        op(Fsync::new(&file)).await.unwrap();
        op(Fsync::data(&file)).await.unwrap();
    });
}

#[test]
fn bad_input_costs_no_submission_and_gives_the_buffer_back() {
    let (_, file) = temp("bad_input", b"content");
    on_shard(async {
        quiesce().await;
        let before = counted().submits;
        let far = i64::MAX as u64 + 1;

        let error = op(Read::new(&file, vec![1; 3], far)).await.unwrap_err();
        assert_eq!(error.error().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(error.into_parts().1, [1; 3]);
        let error = op(Write::new(&file, vec![1; 3], u64::MAX))
            .await
            .unwrap_err();
        assert_eq!(error.error().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(error.into_parts().1, [1; 3]);
        let error = op(Readv::new(&file, [vec![1; 3]], far)).await.unwrap_err();
        assert_eq!(error.error().kind(), io::ErrorKind::InvalidInput);
        let error = op(Writev::new(&file, [vec![1; 3]], far)).await.unwrap_err();
        assert_eq!(error.error().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(
            op(Ftruncate::new(&file, far)).await.unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            op(Fallocate::new(&file, 0, 1, far - 1))
                .await
                .unwrap_err()
                .kind(),
            io::ErrorKind::InvalidInput
        );

        let error = op(Read::new(&file, Vec::new(), 0)).await.unwrap_err();
        assert_eq!(
            error.error().kind(),
            io::ErrorKind::InvalidInput,
            "no room is not the end of the file"
        );
        let error = op(Readv::new(&file, Vec::<Vec<u8>>::new(), 0))
            .await
            .unwrap_err();
        assert_eq!(error.error().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(op(Write::new(&file, Vec::new(), 0)).await.unwrap().0, 0);
        assert_eq!(
            op(Writev::new(&file, [Vec::new(), Vec::new()], 0))
                .await
                .unwrap()
                .0,
            0
        );

        assert_eq!(
            counted().submits,
            before,
            "the kernel never heard of any of this"
        );
    });
    for path in ["a\0b", "\0"] {
        assert_eq!(
            OpenAt::new(path, libc::O_RDONLY, 0).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            Statx::new(path).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            RenameAt::new("x", path).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            UnlinkAt::new(path).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
        assert_eq!(
            MkdirAt::new(path, 0o777).unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }
}

#[test]
fn bad_input_in_a_chain_stops_it_there() {
    let (path, file) = temp("bad_chain", b"");
    on_shard(async {
        let chain = Chain::new()
            .then(Write::new(&file, *b"first", 0))
            .then(Write::new(&file, *b"far", u64::MAX))
            .then(Write::new(&file, *b"after", 0));
        let (first, far, after) = chain.submit().unwrap().await;
        assert_eq!(first.unwrap().0, 5);
        let far = far.unwrap_err();
        assert_eq!(
            (far.error().kind(), far.buf()),
            (io::ErrorKind::InvalidInput, b"far")
        );
        assert_eq!(
            after.unwrap_err().error().raw_os_error(),
            Some(libc::ECANCELED)
        );
        assert_eq!(fs::read(&path).unwrap(), b"first");
        // Nothing to do is no failure: the chain goes on.
        let chain = Chain::new()
            .then(Write::new(&file, Vec::new(), 0))
            .then(Write::new(&file, *b"second", 0));
        let (nothing, second) = chain.submit().unwrap().await;
        assert_eq!((nothing.unwrap().0, second.unwrap().0), (0, 6));
        quiesce().await;
    });
}

#[test]
fn vectored_ops_fill_and_drain_their_buffers_in_order() {
    let (_, file) = temp("vectored", b"");
    on_shard(async {
        let parts = vec![pattern(100), Vec::new(), pattern(5_000), vec![1, 2, 3]];
        let (n, parts) = op(Writev::new(&file, parts, 7)).await.unwrap();
        assert_eq!(n, 5_103);
        let room = vec![
            Vec::with_capacity(60),
            Vec::with_capacity(0),
            Vec::with_capacity(10_000),
        ];
        let (n, room) = op(Readv::new(&file, room, 7)).await.unwrap();
        assert_eq!(n, 5_103);
        let first = room[0].len();
        assert!(
            first >= 60 && first == room[0].capacity(),
            "filled up before the next"
        );
        assert_eq!(room[1].len(), 0);
        assert_eq!(room.concat(), parts.concat());
        let (n, (head, tail)) = op(Readv::new(&file, ([0; 4], Vec::with_capacity(4)), 7))
            .await
            .unwrap();
        assert!(n >= 8 && head == parts[0][..4] && tail[..4] == parts[0][4..8]);
    });
}

#[test]
fn more_than_1024_parts_make_a_short_op() {
    let (_, file) = temp("many_parts", b"");
    on_shard(async {
        let parts: Vec<Vec<u8>> = (0..1500u32).map(|i| vec![i as u8; 2]).collect();
        let (n, parts) = op(Writev::new(&file, parts, 0)).await.unwrap();
        assert_eq!((n, parts.len()), (2_048, 1_500));
        let rest: Vec<Vec<u8>> = parts[1_024..].to_vec();
        assert_eq!(op(Writev::new(&file, rest, 2_048)).await.unwrap().0, 952);
        let room: Vec<[u8; 2]> = vec![[0; 2]; 1_500];
        let (n, room) = op(Readv::new(&file, room, 0)).await.unwrap();
        assert_eq!(n, 2_048);
        assert_eq!(room[..1_024].concat(), parts[..1_024].concat());
        assert!(room[1_024..].iter().all(|part| *part == [0; 2]));
    });
}

#[test]
fn pipes_are_read_and_written_at_their_own_position() {
    on_shard(async {
        let (reader, writer) = pipe();
        op(Write::current(&writer, b"hello ")).await.unwrap();
        op(Writev::current(&writer, (*b"wo", *b"rld")))
            .await
            .unwrap();
        let (n, data) = op(Read::current(&reader, Vec::with_capacity(64)))
            .await
            .unwrap();
        assert_eq!((n, &data[..]), (11, &b"hello world"[..]));
        op(Write::current(&writer, *b"abcd")).await.unwrap();
        let (n, parts) = op(Readv::current(&reader, ([0; 3], [0; 3]))).await.unwrap();
        assert_eq!((n, parts), (4, (*b"abc", *b"d\0\0")));
        drop(writer);
        assert_eq!(
            op(Read::current(&reader, [0; 8])).await.unwrap().0,
            0,
            "all writers are gone"
        );
        quiesce().await;
    });
}

#[test]
fn a_dropped_pipe_read_is_cancelled_and_the_pipe_works_on() {
    on_shard(async {
        let (reader, writer) = pipe();
        let mut read = Op::new(Read::current(&reader, vec![0; 8]));
        assert!(poll_once(&mut read).await.is_none());
        support::submitted().await;
        drop(read);
        quiesce().await;
        assert!(counted().cancels >= 1);
        op(Write::current(&writer, *b"later")).await.unwrap();
        let (n, data) = op(Read::current(&reader, vec![0; 8])).await.unwrap();
        assert_eq!(&data[..n], b"later");
    });
}

#[test]
fn cancel_gives_the_buffer_back() {
    on_shard(async {
        let (reader, _writer) = pipe();
        let mut read = Op::new(Read::current(&reader, vec![5; 8]));
        assert!(poll_once(&mut read).await.is_none());
        let error = read.cancel().await.unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        assert_eq!(error.into_parts().1, [5; 8]);
        quiesce().await;
    });
}

#[test]
fn statx_knows_what_std_knows_inline_and_on_the_ring() {
    let dir = dir("statx");
    let path = dir.join("file");
    fs::write(&path, pattern(1_234)).unwrap();
    symlink(&path, dir.join("link")).unwrap();
    on_shard(async {
        let known = fs::metadata(&path).unwrap();
        let inline = counted().inline_completions;
        let warm = op(Statx::new(&path).unwrap()).await.unwrap();
        let ring = op(Statx::new(&path).unwrap().on_ring()).await.unwrap();
        let file = shared_file(fs::File::open(&path).unwrap());
        let open = op(Statx::of(&file)).await.unwrap();
        assert!(
            counted().inline_completions > inline,
            "a path that std has just looked up is cached"
        );
        for seen in [warm, ring, open] {
            assert_eq!(
                (seen.size(), seen.mode(), seen.inode()),
                (1_234, known.mode(), known.ino())
            );
            assert_eq!(
                (seen.device(), u64::from(seen.links())),
                (known.dev(), known.nlink())
            );
            assert_eq!((seen.uid(), seen.gid()), (known.uid(), known.gid()));
            assert_eq!(seen.modified(), known.modified().unwrap());
            assert_eq!(seen.accessed(), known.accessed().unwrap());
            assert_eq!(seen.created(), known.created().ok());
            assert!(seen.is_file() && !seen.is_dir());
        }
        let through = op(Statx::new(dir.join("link")).unwrap()).await.unwrap();
        assert_eq!(through.inode(), known.ino());
        for link in [
            Statx::symlink(dir.join("link")).unwrap(),
            Statx::symlink(dir.join("link")).unwrap().on_ring(),
        ] {
            assert!(op(link).await.unwrap().is_symlink());
        }
        let below = Statx::new("file")
            .unwrap()
            .at(&shared_file(fs::File::open(&dir).unwrap()));
        assert_eq!(op(below).await.unwrap().inode(), known.ino());
        for missing in [
            Statx::new(dir.join("none")).unwrap(),
            Statx::new(dir.join("none")).unwrap().on_ring(),
        ] {
            assert_eq!(
                op(missing).await.unwrap_err().raw_os_error(),
                Some(libc::ENOENT)
            );
        }
        quiesce().await;
    });
}

#[test]
fn statx_of_a_fifo_has_no_effect_on_it() {
    let path = dir("statx_fifo").join("fifo");
    let c_path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the path is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) }, 0);
    assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
    on_shard(async {
        let seen = op(Statx::new(&path).unwrap()).await.unwrap();
        assert_eq!(
            seen.file_type(),
            libc::S_IFIFO,
            "a plain open would have waited for a writer"
        );
    });
}

#[test]
fn an_open_that_hangs_is_cancelled_by_its_drop() {
    let path = dir("open_fifo").join("fifo");
    let c_path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: the path is NUL-terminated.
    assert_eq!(unsafe { libc::mkfifo(c_path.as_ptr(), 0o600) }, 0);
    let open = || Op::new(OpenAt::new(&path, libc::O_RDONLY, 0).unwrap().on_worker());
    on_shard(async {
        let mut hanging = open();
        assert!(poll_once(&mut hanging).await.is_none(), "nobody writes");
        submitted().await;
        let error = hanging.cancel().await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ECANCELED), "and not -512");
        let mut hanging = open();
        assert!(poll_once(&mut hanging).await.is_none());
        drop(hanging);
        quiesce().await;
        // With a writer it opens; without `on_worker` it does not even wait.
        let mut waiting = open();
        assert!(poll_once(&mut waiting).await.is_none());
        let writer = fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        waiting.await.unwrap();
        drop(writer);
        op(OpenAt::new(&path, libc::O_RDONLY, 0).unwrap())
            .await
            .unwrap();
    });
}

#[test]
fn names_are_made_moved_and_removed() {
    let dir = dir("names");
    on_shard(async {
        let at = shared_file(fs::File::open(&dir).unwrap());
        op(MkdirAt::new("sub", 0o755).unwrap().at(&at))
            .await
            .unwrap();
        assert!(dir.join("sub").is_dir());
        let again = op(MkdirAt::new(dir.join("sub"), 0o755).unwrap())
            .await
            .unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);

        fs::write(dir.join("a"), b"a").unwrap();
        fs::write(dir.join("b"), b"b").unwrap();
        op(LinkAt::new("a", "c").unwrap().at(&at)).await.unwrap();
        assert_eq!(fs::metadata(dir.join("c")).unwrap().nlink(), 2);
        op(SymlinkAt::new("a", "s").unwrap().at(&at)).await.unwrap();
        assert_eq!(fs::read_link(dir.join("s")).unwrap().to_str(), Some("a"));

        let taken = RenameAt::new("a", "b")
            .unwrap()
            .from_at(&at)
            .to_at(&at)
            .no_replace();
        assert_eq!(
            op(taken).await.unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        op(RenameAt::new("a", "sub/b").unwrap().from_at(&at).to_at(&at))
            .await
            .unwrap();
        op(RenameAt::new(dir.join("b"), dir.join("sub/b")).unwrap())
            .await
            .unwrap();
        assert_eq!(fs::read(dir.join("sub/b")).unwrap(), b"b");

        let full = op(UnlinkAt::dir("sub").unwrap().at(&at)).await.unwrap_err();
        assert_eq!(full.raw_os_error(), Some(libc::ENOTEMPTY));
        op(UnlinkAt::new("sub/b").unwrap().at(&at)).await.unwrap();
        op(UnlinkAt::dir("sub").unwrap().at(&at)).await.unwrap();
        assert!(!dir.join("sub").exists());
        let missing = op(UnlinkAt::new(dir.join("sub")).unwrap())
            .await
            .unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        quiesce().await;
    });
}

#[test]
fn openat2_stays_below_its_directory() {
    let dir = dir("openat2");
    fs::write(dir.join("in"), b"in").unwrap();
    symlink("/etc", dir.join("out")).unwrap();
    on_shard(async {
        let at = shared_file(fs::File::open(&dir).unwrap());
        let inside = op(OpenAt2::beneath(&at, "in", libc::O_RDONLY, 0).unwrap())
            .await
            .unwrap();
        let (n, _) = op(Read::new(&SharedFd::new(inside), vec![0; 8], 0))
            .await
            .unwrap();
        assert_eq!(n, 2);
        for outside in ["../x", "out/passwd", "/etc/passwd"] {
            let error = op(OpenAt2::beneath(&at, outside, libc::O_RDONLY, 0).unwrap())
                .await
                .unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EXDEV), "{outside}");
        }
    });
}

#[test]
fn lengths_are_set_and_blocks_reserved() {
    let (path, file) = temp("lengths", &pattern(100));
    on_shard(async {
        if Ftruncate::is_supported() {
            op(Ftruncate::new(&file, 10)).await.unwrap();
            assert_eq!(fs::read(&path).unwrap(), pattern(10));
            op(Ftruncate::new(&file, 20)).await.unwrap();
            assert_eq!(fs::metadata(&path).unwrap().len(), 20);
        } else {
            println!("SKIP lengths_are_set_and_blocks_reserved: no IORING_OP_FTRUNCATE");
        }
        match op(Fallocate::new(&file, 0, 0, 8_192)).await {
            Ok(()) => assert_eq!(fs::metadata(&path).unwrap().len(), 8_192),
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                println!(
                    "SKIP lengths_are_set_and_blocks_reserved: the file system has no fallocate"
                );
            }
            Err(error) => panic!("fallocate: {error}"),
        }
    });
}

#[test]
fn close_gives_up_its_descriptor_once() {
    on_shard(async {
        let (reader, writer) = pipe();
        op(Close::new(writer.try_into_owned().unwrap()))
            .await
            .unwrap();
        assert_eq!(
            op(Read::current(&reader, [0; 1])).await.unwrap().0,
            0,
            "the last writer is gone"
        );
        // Cancelled before it ever reached the kernel: the descriptor is closed by the op's drop.
        let (reader, writer) = pipe();
        let unpolled = Op::new(Close::new(writer.try_into_owned().unwrap()));
        assert_eq!(
            unpolled.cancel().await.unwrap_err().raw_os_error(),
            Some(libc::ECANCELED)
        );
        assert_eq!(op(Read::current(&reader, [0; 1])).await.unwrap().0, 0);
        // Dropped in flight: closed by whoever was faster.
        let (reader, writer) = pipe();
        let mut close = Op::new(Close::new(writer.try_into_owned().unwrap()));
        let _either = poll_once(&mut close).await;
        drop(close);
        assert_eq!(op(Read::current(&reader, [0; 1])).await.unwrap().0, 0);
        quiesce().await;
    });
}
