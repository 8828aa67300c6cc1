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
    time::{Duration, Instant},
};

use lane::{Count, Trap, hung_send, pair, poll_with, recv};
use ringmesh_op::{Builder, Lane, Op, ops::Nop};
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
    let spring = trap.spring();
    let runtime = Builder::new().shards(1).build().unwrap();
    let (fd, mut peer) = pair();
    let guard = runtime.handle().enter();
    let mut op = pin!(hung_send(&Lane::least_loaded(), trap, fd));
    let count = Count::new();
    let waker = Waker::from(count.clone());
    assert!(
        op.as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(guard);
    let start = Instant::now();
    while !spring.has_caught() {
        assert!(start.elapsed() < HANG, "the worker touches the page");
        std::thread::yield_now();
    }

    // On a thread of its own: the kernel does not let a thread end while a worker of its hangs, and a shutdown that waits for
    // its threads waits for that.
    let shutdown = std::thread::spawn(move || runtime.shutdown(Duration::from_millis(100)));
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
    spring.release();
    peer.set_read_timeout(Some(HANG)).unwrap();
    let mut page = vec![1; Trap::LEN];
    std::io::Read::read_exact(&mut peer, &mut page).unwrap();
    assert!(page.iter().all(|byte| *byte == 0));
    assert_eq!(shutdown.join().unwrap().leaked_ops, 1);
}
