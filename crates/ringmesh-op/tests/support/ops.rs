//! What the tests of single ops share.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{
    fs, io,
    os::fd::{FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ringmesh_op::{Builder, FdKind, Handle, Lane, Op, OpCode, SharedFd, ops::Nop, run_with};
use ringmesh_sched::{metrics::ShardMetrics, time};

/// Longer than anything here takes, even where two cores are shared by many; a test that needs it hangs.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// Runs a test's body on a runtime of one shard.
pub(crate) fn on_shard<F: Future>(body: F) -> F::Output {
    on(Builder::new().shards(1), body)
}

/// Runs a test's body on a runtime with these settings.
pub(crate) fn on<F: Future>(builder: Builder, body: F) -> F::Output {
    run_with(builder, async {
        time::timeout(HANG, body).await.expect("the test hangs")
    })
    .expect("a runtime on io_uring")
}

/// The op's output.
pub(crate) async fn op<T: OpCode>(op: T) -> T::Output {
    Op::new(op).await
}

/// Waits until nothing is in flight on this shard's ring any more.
pub(crate) async fn quiesce() {
    settle_to(0).await;
}

/// Waits until exactly `count` ops are in flight on this shard's ring.
pub(crate) async fn settle_to(count: usize) {
    wait_until(|| Lane::current().inflight() == count).await;
}

/// Waits until everything that was polled before is with the kernel: a NOP goes behind it and comes back.
pub(crate) async fn submitted() {
    op(Nop::new()).await.expect("a NOP");
}

/// Waits until `done` says so.
pub(crate) async fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < HANG, "it never happens");
        time::sleep(Duration::from_millis(1)).await;
    }
}

/// What all shards have counted so far.
pub(crate) fn counted() -> ShardMetrics {
    Handle::current().metrics().total()
}

/// A directory of its own for a test, on the file system that the target directory is on.
pub(crate) fn dir(test: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", std::process::id()));
    drop(fs::remove_dir_all(&dir));
    fs::create_dir_all(&dir).expect("a directory for the test");
    dir
}

/// A file opened by std, for ops.
pub(crate) fn shared_file(file: fs::File) -> SharedFd {
    SharedFd::with_kind(file.into(), FdKind::File)
}

/// Anything else opened by std, for ops.
pub(crate) fn shared(fd: impl Into<OwnedFd>) -> SharedFd {
    SharedFd::new(fd.into())
}

/// A pipe: its reading and its writing end.
pub(crate) fn pipe() -> (SharedFd, SharedFd) {
    let mut fds = [0; 2];
    // SAFETY: `fds` has room for the two descriptors.
    let rc = unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) };
    assert_eq!(rc, 0, "pipe2: {}", io::Error::last_os_error());
    let [read, write] = fds.map(|fd| {
        // SAFETY: pipe2 has just made it for us.
        shared(unsafe { OwnedFd::from_raw_fd(fd) })
    });
    (read, write)
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i.wrapping_mul(31) ^ (i >> 8)) as u8)
        .collect()
}
