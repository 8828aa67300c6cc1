//! Rings that are far too small for what is asked of them: everything waits its turn, nothing fails, nothing is lost.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::{io::Write, os::unix::net::UnixStream};

use lane::{arm, pair, recv};
use ringmesh_op::{
    Builder, Lane, Op, SharedFd,
    ops::{Nop, PollAdd},
};
use support::{counted, on, op, quiesce};

const OPS: usize = 1000;

/// A 4-entry ring whose completion queue is the smallest that a user can ask for.
fn tiny() -> Builder {
    Builder::new()
        .shards(1)
        .ring_entries(4)
        .completion_entries(8)
}

fn readable(fd: &SharedFd) -> Op<PollAdd> {
    Op::new(PollAdd::new(fd, libc::POLLIN as u32))
}

/// A1: any number of ops may wait for a silent peer, and the one whose data is there is served.
#[test]
fn a_thousand_ops_wait_on_a_ring_of_four_entries() {
    on(tiny(), async {
        let (fd, mut peer) = pair();
        let mut ops: Vec<_> = (0..OPS).map(|_| readable(&fd)).collect();
        for op in &mut ops {
            assert!(arm(op).await);
        }
        assert_eq!(Lane::current().inflight(), OPS);
        // Others go on meanwhile.
        for _ in 0..100 {
            op(Nop::new()).await.unwrap();
        }
        // All of them complete at once: 125 times what the completion queue holds.
        peer.write_all(b"!").unwrap();
        for op in ops {
            assert!(op.await.unwrap() & libc::POLLIN as u32 != 0);
        }
        quiesce().await;
        let counted = counted();
        assert!(counted.sq_full > 0, "the queue was full");
        assert_eq!(counted.unknown_cqes, 0);
        assert_eq!(counted.orphans, 0);
    });
}

/// P9: a thousand cancels, all owed in one poll, none lost.
#[test]
fn a_thousand_cancels_go_through_a_full_queue() {
    on(tiny(), async {
        let (fd, mut peer) = pair();
        let mut ops: Vec<_> = (0..OPS).map(|_| readable(&fd)).collect();
        for op in &mut ops {
            assert!(arm(op).await);
        }
        drop(ops);
        quiesce().await;
        assert_eq!(counted().orphans, OPS as u64);
        assert_eq!(counted().cancels, OPS as u64);
        peer.write_all(b"after").unwrap();
        assert_eq!(recv(&fd).await.unwrap().1, b"after");
    });
}

/// Cancelled while they still wait in the backlog: those never reach the kernel.
#[test]
fn ops_cancelled_in_the_backlog_never_reach_the_kernel() {
    on(tiny(), async {
        let (fd, _peer) = pair();
        // All in one poll: the queue holds four, and no completion makes room.
        let mut ops: Vec<_> = (0..OPS).map(|_| readable(&fd)).collect();
        std::future::poll_fn(|cx| {
            for op in &mut ops {
                assert!(std::pin::Pin::new(op).poll(cx).is_pending());
            }
            ops.clear();
            std::task::Poll::Ready(())
        })
        .await;
        quiesce().await;
        assert_eq!(counted().orphans, OPS as u64);
    });
}

/// Data on each of a thousand sockets: each receive gets its own byte.
#[test]
fn a_thousand_sockets_on_a_ring_of_four_entries_each_get_their_own_bytes() {
    on(tiny(), async {
        let pairs: Vec<(SharedFd, UnixStream)> = (0..200).map(|_| pair()).collect();
        let mut ops: Vec<_> = pairs.iter().map(|(fd, _)| recv(fd)).collect();
        for op in &mut ops {
            assert!(arm(op).await);
        }
        for (index, (_, peer)) in pairs.iter().enumerate() {
            (&*peer).write_all(&[index as u8]).unwrap();
        }
        for (index, op) in ops.into_iter().enumerate() {
            assert_eq!(op.await.unwrap().1, [index as u8]);
        }
        quiesce().await;
    });
}
