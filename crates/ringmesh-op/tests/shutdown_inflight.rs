//! A runtime that is shut down while the kernel works for it.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::{
    future::Future,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use lane::{Count, pair, poll_with, recv};
use ringmesh_op::{Builder, Lane, Op, ops::Nop};
use ringmesh_sys::{Sqe, opcode, sqe_flags};
use support::HANG;

#[test]
fn a_shutdown_cancels_what_is_in_flight_and_leaks_nothing() {
    let runtime = Builder::new().shards(2).build().unwrap();
    let pairs: Vec<_> = (0..100).map(|_| pair()).collect();
    let tasks: Vec<_> = pairs
        .iter()
        .map(|(fd, _)| {
            let fd = fd.clone();
            runtime.spawn(async move { recv(&fd).await })
        })
        .collect();
    // And ops of threads outside, which nobody drops.
    let guard = runtime.handle().enter();
    let mut outside: Vec<_> = pairs.iter().map(|(fd, _)| recv(fd)).collect();
    let count = Count::new();
    for op in &mut outside {
        assert!(poll_with(op, &Waker::from(count.clone())).is_pending());
    }
    drop(guard);
    let report = runtime.shutdown(HANG);
    assert_eq!(report.leaked_ops, 0);
    for op in outside {
        let error = futures_lite::future::block_on(op).unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
    }
    drop(tasks);
    // The sockets are whole and nobody reads from them.
    for (fd, mut peer) in pairs {
        peer.write_all(b"x").unwrap();
        let owned = fd.try_into_owned().expect("no op holds it any more");
        let mut byte = [0];
        std::io::Read::read_exact(&mut std::os::unix::net::UnixStream::from(owned), &mut byte)
            .unwrap();
        assert_eq!(&byte, b"x");
    }
}

#[test]
fn a_shutdown_completes_what_waits_in_the_backlog() {
    let runtime = Builder::new().shards(1).ring_entries(4).build().unwrap();
    let (fd, _peer) = pair();
    let _guard = runtime.handle().enter();
    let mut ops: Vec<_> = (0..500).map(|_| recv(&fd)).collect();
    for op in &mut ops {
        assert!(poll_with(op, Waker::noop()).is_pending());
    }
    assert_eq!(runtime.shutdown(HANG).leaked_ops, 0);
    for op in ops {
        assert!(futures_lite::future::block_on(op).is_err());
    }
}

/// The drop of a runtime does the same.
#[test]
fn dropping_a_runtime_with_ops_in_flight_is_prompt() {
    for _ in 0..20 {
        let runtime = Builder::new().shards(2).build().unwrap();
        let (fd, _peer) = pair();
        let task = runtime.spawn(async move { recv(&fd).await.is_ok() });
        runtime.block_on(async { Op::new(Nop::new()).await.unwrap() });
        drop(runtime);
        drop(task);
    }
}

/// Memory whose first access waits for us (userfaultfd): a kernel worker that reads it hangs and hears no cancel.
struct Trap {
    page: *mut u8,
    uffd: i32,
}

// SAFETY: the page and the descriptor belong to the value.
unsafe impl Send for Trap {}

const PAGE: usize = 4096;

impl Trap {
    fn new() -> Result<Self, std::io::Error> {
        const UFFDIO_API: u64 = 0xc018_aa3f;
        const UFFDIO_REGISTER: u64 = 0xc020_aa00;
        // SAFETY: no pointers.
        let uffd =
            unsafe { libc::syscall(libc::SYS_userfaultfd, libc::O_CLOEXEC | libc::O_NONBLOCK) }
                as i32;
        if uffd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        let mut api: [u64; 3] = [0xAA, 0, 0];
        // SAFETY: `api` is a `struct uffdio_api`.
        if unsafe { libc::ioctl(uffd, UFFDIO_API as _, api.as_mut_ptr()) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: a fresh private mapping.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(page, libc::MAP_FAILED);
        let mut register: [u64; 4] = [page as u64, PAGE as u64, 1, 0];
        // SAFETY: `register` is a `struct uffdio_register`, mode MISSING.
        if unsafe { libc::ioctl(uffd, UFFDIO_REGISTER as _, register.as_mut_ptr()) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Self {
            page: page.cast(),
            uffd,
        })
    }
}

/// P15: what the kernel does not let go of until the deadline is leaked, counted, and never freed.
#[test]
fn a_shutdown_leaks_what_hangs_at_its_deadline_and_says_so() {
    let trap = match Trap::new() {
        Ok(trap) => trap,
        Err(error) => {
            println!(
                "SKIP a_shutdown_leaks_what_hangs_at_its_deadline_and_says_so: no userfaultfd ({error})"
            );
            return;
        }
    };
    let uffd = trap.uffd;
    let runtime = Builder::new().shards(1).build().unwrap();
    let (fd, mut peer) = pair();
    let guard = runtime.handle().enter();
    let raw = std::os::fd::AsRawFd::as_raw_fd(&fd);
    // SAFETY: the page belongs to the state and is never unmapped.
    let op = unsafe {
        Lane::least_loaded().submit_raw(
            (trap, fd),
            move |(trap, _)| Sqe {
                opcode: opcode::SEND,
                // Not on the shard's thread, which would hang itself.
                flags: sqe_flags::ASYNC,
                fd: raw,
                addr: trap.page as u64,
                len: PAGE as u32,
                ..Sqe::default()
            },
            |_, res| res.result,
        )
    };
    let mut op = pin!(op);
    let count = Count::new();
    let waker = Waker::from(count.clone());
    assert!(
        op.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(guard);
    // Hung for sure: the fault has arrived.
    let mut poll = libc::pollfd {
        fd: uffd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd.
    let ready = unsafe { libc::poll(&raw mut poll, 1, HANG.as_millis() as i32) };
    assert_eq!(ready, 1);

    // On a thread of its own: the kernel does not let a thread end while a worker of its hangs, and a shutdown that waits for
    // its threads waits for that.
    let shutdown = std::thread::spawn(move || runtime.shutdown(Duration::from_millis(100)));
    let start = std::time::Instant::now();
    while count.wakes() == 0 {
        assert!(start.elapsed() < HANG, "the future is told");
        std::thread::yield_now();
    }
    let told = catch_unwind(AssertUnwindSafe(|| {
        op.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }));
    let message = told
        .map(|poll: Poll<i32>| poll.is_ready())
        .expect_err("there is no result");
    let message = message.downcast_ref::<String>().expect("a message");
    assert!(message.contains("shut down"), "{message}");

    // The worker wakes up and reads memory that must still be there.
    // SAFETY: the descriptor is ours.
    unsafe { libc::close(uffd) };
    peer.set_read_timeout(Some(HANG)).unwrap();
    let mut page = vec![1; PAGE];
    std::io::Read::read_exact(&mut peer, &mut page).unwrap();
    assert!(page.iter().all(|byte| *byte == 0));
    assert_eq!(shutdown.join().unwrap().leaked_ops, 1);
}
