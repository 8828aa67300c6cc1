//! Ops polled on threads that are no shards.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::{
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicBool, Ordering},
    task::Waker,
    time::{Duration, Instant},
};

use futures_lite::future::block_on;
use lane::{Count, pair, poll_with, recv};
use ringmesh_op::{Builder, Handle, Lane, Op, Runtime, ShardId, ops::Nop};
use support::HANG;

fn runtime(shards: usize) -> Runtime {
    Builder::new()
        .shards(shards)
        .build()
        .expect("a runtime on io_uring")
}

fn inflight(handle: &Handle) -> usize {
    let _guard = handle.enter();
    (0..handle.shard_count())
        .map(|i| Lane::on(ShardId::new(i)).unwrap().inflight())
        .sum()
}

/// Waits on a plain thread.
fn wait_until(mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < HANG, "it never happens");
        std::thread::yield_now();
    }
}

#[test]
fn a_plain_thread_with_a_handle_runs_ops_to_their_end() {
    let runtime = runtime(2);
    let _guard = runtime.handle().enter();
    for _ in 0..100 {
        block_on(Op::new(Nop::new())).unwrap();
    }
    let (fd, mut peer) = pair();
    let mut op = recv(&fd);
    assert!(poll_with(&mut op, Waker::noop()).is_pending());
    peer.write_all(b"outside").unwrap();
    assert_eq!(block_on(op).unwrap().1, b"outside");
    assert!(runtime.handle().metrics().total().remote_submits >= 101);
    wait_until(|| inflight(runtime.handle()) == 0);
}

#[test]
fn block_on_of_a_runtime_runs_ops_on_its_shards() {
    let runtime = runtime(1);
    let sum: u32 = runtime.block_on(async {
        let mut sum = 0;
        for i in 0..50 {
            Op::new(Nop::new()).await.unwrap();
            sum += i;
        }
        sum
    });
    assert_eq!(sum, (0..50).sum());
}

/// What is submitted needs no runtime on the thread that polls or drops it.
#[test]
fn an_op_that_was_submitted_needs_no_runtime_on_the_thread_that_polls_or_drops_it() {
    let runtime = runtime(1);
    let (fd, mut peer) = pair();
    let (mut first, mut second) = (recv(&fd), recv(&fd));
    {
        let _guard = runtime.handle().enter();
        assert!(poll_with(&mut first, Waker::noop()).is_pending());
        assert!(poll_with(&mut second, Waker::noop()).is_pending());
    }
    wait_until(|| inflight(runtime.handle()) == 2);
    let count = Count::new();
    assert!(poll_with(&mut first, &Waker::from(count.clone())).is_pending());
    drop(second);
    wait_until(|| inflight(runtime.handle()) == 1);
    peer.write_all(b"woken").unwrap();
    wait_until(|| count.wakes() == 1);
    assert_eq!(block_on(first).unwrap().1, b"woken");
}

#[test]
fn an_op_polled_outside_any_runtime_panics_with_a_sentence_that_says_what_to_do() {
    let payload = catch_unwind(AssertUnwindSafe(|| block_on(Op::new(Nop::new()))))
        .expect_err("no runtime anywhere");
    let message = payload.downcast_ref::<String>().expect("a message");
    for word in [
        "outside a runtime",
        "enter a Handle",
        "Runtime::install",
        "#[ringmesh::main]",
    ] {
        assert!(message.contains(word), "{message:?} does not say {word:?}");
    }
}

/// A seeded storm of threads that submit ops to a runtime and drop them at any moment of their way there.
#[test]
fn ops_dropped_on_their_way_to_a_shard_are_cancelled_or_never_pushed() {
    const THREADS: u64 = 4;
    const ROUNDS: usize = 2000;
    let seed = 0x5eed_0001;
    println!("seed {seed:#x}");
    let runtime = runtime(2);
    let (fd, mut peer) = pair();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (fd, handle) = (&fd, runtime.handle());
            scope.spawn(move || {
                let _guard = handle.enter();
                let mut random = seed + thread;
                let mut kept = Vec::new();
                for _ in 0..ROUNDS {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let mut op = recv(fd);
                    assert!(poll_with(&mut op, Waker::noop()).is_pending());
                    match random % 4 {
                        0 => drop(op),
                        1 => {
                            for _ in 0..random % 512 {
                                std::hint::spin_loop();
                            }
                            drop(op);
                        }
                        2 => {
                            op.request_cancel();
                            drop(op);
                        }
                        _ => kept.push(op),
                    }
                    if kept.len() > 16 {
                        drop(kept.swap_remove((random as usize / 7) % 16));
                    }
                }
            });
        }
        // The shards have something else to do meanwhile.
        runtime.block_on(async {
            while !stop.swap(true, Ordering::Relaxed) {
                Op::new(Nop::new()).await.unwrap()
            }
        });
    });
    wait_until(|| inflight(runtime.handle()) == 0);
    assert_eq!(runtime.handle().metrics().total().unknown_cqes, 0);
    let _guard = runtime.handle().enter();
    peer.write_all(b"alive").unwrap();
    assert_eq!(block_on(recv(&fd)).unwrap().1, b"alive");
}

#[test]
fn an_op_polled_after_the_shutdown_completes_as_cancelled() {
    let runtime = runtime(1);
    let handle = runtime.handle().clone();
    let report = runtime.shutdown(Duration::from_secs(30));
    assert_eq!(report.leaked_ops, 0);
    let _guard = handle.enter();
    let (fd, _peer) = pair();
    let error = block_on(recv(&fd)).unwrap_err();
    assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
}
