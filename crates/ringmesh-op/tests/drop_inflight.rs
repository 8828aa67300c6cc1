//! Futures that go away at every point of their life, on every thread; what they held comes back.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::{
    io::Write,
    sync::{Arc, Mutex},
    task::{Wake, Waker},
};

use lane::{Count, arm, pair, poll_with, recv};
use ringmesh_op::{
    Builder, Handle, Lane, Op, SharedFd,
    ops::{Nop, Recv},
};
use support::{counted, on, on_shard, op, quiesce, wait_until};

/// An op that was never polled gives nothing to the kernel.
#[test]
fn an_op_dropped_before_its_first_poll_never_reaches_the_kernel() {
    on_shard(async {
        let (fd, _peer) = pair();
        let before = counted().submits;
        drop(recv(&fd));
        assert_eq!(Lane::current().inflight(), 0);
        op(Nop::new()).await.unwrap();
        assert!(
            counted().submits <= before + 2,
            "only the nop (and the driver's own poll) was submitted"
        );
        assert_eq!(counted().cancels, 0);
    });
}

/// Dropped in the same poll as it was submitted: the SQE may not even have been entered.
#[test]
fn an_op_dropped_in_the_poll_that_submitted_it_is_cancelled() {
    on_shard(async {
        let (fd, mut peer) = pair();
        for _ in 0..100 {
            let mut op = recv(&fd);
            assert!(arm(&mut op).await);
            drop(op);
        }
        quiesce().await;
        assert_eq!(counted().orphans, 100);
        peer.write_all(b"x").unwrap();
        assert_eq!(recv(&fd).await.unwrap().1, b"x");
    });
}

/// A completion that nobody fetched before the future went away: the orphan handler runs where it is dropped.
#[test]
fn an_op_dropped_after_its_completion_gives_its_slot_back() {
    on_shard(async {
        let (fd, mut peer) = pair();
        peer.write_all(b"unread").unwrap();
        let count = Count::new();
        let mut op = recv(&fd);
        assert!(poll_with(&mut op, &Waker::from(count.clone())).is_pending());
        wait_until(|| count.wakes() == 1).await;
        assert_eq!(Lane::current().inflight(), 0);
        drop(op);
        assert_eq!(counted().cancels, 0, "there was nothing left to cancel");
    });
}

/// A forgotten future leaks its cell; slot, ring and socket go on.
#[test]
fn a_forgotten_future_is_sound_and_its_slot_is_freed() {
    on_shard(async {
        let (fd, mut peer) = pair();
        let mut op = recv(&fd);
        assert!(arm(&mut op).await);
        std::mem::forget(op);
        assert_eq!(Lane::current().inflight(), 1);
        // The kernel writes into the forgotten buffer, which is still there.
        peer.write_all(b"into the void").unwrap();
        quiesce().await;
        peer.write_all(b"next").unwrap();
        assert_eq!(recv(&fd).await.unwrap().1, b"next");
    });
}

/// What a waker may do while completions are delivered: everything.
struct Meddler {
    victim: Mutex<Option<Op<Recv<Vec<u8>>>>>,
    fd: SharedFd,
    started: Mutex<Option<Op<Recv<Vec<u8>>>>>,
    count: Arc<Count>,
}

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        // Drops an op in flight, and submits another one, inside the driver's reap.
        drop(self.victim.lock().unwrap().take());
        let mut op = recv(&self.fd);
        assert!(poll_with(&mut op, &Waker::from(self.count.clone())).is_pending());
        *self.started.lock().unwrap() = Some(op);
    }
}

/// A8: no borrow of the driver is held while it wakes.
#[test]
fn a_waker_may_drop_and_submit_ops_while_the_driver_reaps() {
    on_shard(async {
        let (victim_fd, _silent) = pair();
        let (fd, mut peer) = pair();
        let (other_fd, mut other) = pair();
        let mut victim = recv(&victim_fd);
        assert!(arm(&mut victim).await);
        let meddler = Arc::new(Meddler {
            victim: Mutex::new(Some(victim)),
            fd: other_fd,
            started: Mutex::default(),
            count: Count::new(),
        });

        let mut op = recv(&fd);
        assert!(poll_with(&mut op, &Waker::from(meddler.clone())).is_pending());
        peer.write_all(b"go").unwrap();
        wait_until(|| meddler.started.lock().unwrap().is_some()).await;
        assert_eq!(op.await.unwrap().1, b"go");

        // The victim's cancel went out, the op that the waker started lives.
        wait_until(|| counted().orphans == 1).await;
        other.write_all(b"late").unwrap();
        let started = meddler.started.lock().unwrap().take().unwrap();
        assert_eq!(started.await.unwrap().1, b"late");
        quiesce().await;
    });
}

/// A waker whose wake or drop panics.
struct Grenade;

impl Wake for Grenade {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("a waker whose drop panics");
        }
    }
}

/// P13: the ops of other tasks, and the panicking waker's own op, complete all the same.
#[test]
fn a_waker_that_panics_hurts_no_other_op() {
    on_shard(async {
        let (fd, mut peer) = pair();
        let (other_fd, mut other) = pair();
        let mut op = recv(&fd);
        let grenade = Waker::from(Arc::new(Grenade));
        assert!(poll_with(&mut op, &grenade).is_pending());
        drop(grenade); // the registered clone is the last one from here on
        let mut bystander = recv(&other_fd);
        assert!(arm(&mut bystander).await);
        peer.write_all(b"boom").unwrap();
        other.write_all(b"calm").unwrap();
        assert_eq!(bystander.await.unwrap().1, b"calm");
        assert_eq!(op.await.unwrap().1, b"boom");

        // Dropped in flight, with the grenade as its registered waker.
        let grenade = Waker::from(Arc::new(Grenade));
        let mut op = recv(&fd);
        assert!(poll_with(&mut op, &grenade).is_pending());
        drop(grenade);
        drop(op);
        quiesce().await;
    });
}

/// The last handle of a socket cancels what is armed on it: the peer sees the end at once.
#[test]
fn dropping_the_last_handle_cancels_the_ops_on_it_and_the_peer_sees_the_end() {
    on(Builder::new().shards(2), async {
        let (fd, mut peer) = pair();
        let mut op = recv(&fd);
        assert!(arm(&mut op).await);
        let clone = fd.clone();
        drop(fd);
        assert!(arm(&mut op).await, "another handle is left");
        drop(clone);
        let error = op.await.unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        // Read to the end: it comes although nobody wrote.
        std::thread::spawn(move || {
            let mut end = Vec::new();
            std::io::Read::read_to_end(&mut peer, &mut end).unwrap();
        })
        .join()
        .unwrap();
        quiesce().await;
    });
}

/// The same with the handle dropped on a thread that is no shard, and ops on two rings.
#[test]
fn dropping_the_last_handle_elsewhere_cancels_on_every_ring() {
    on(Builder::new().shards(2), async {
        let (fd, peer) = pair();
        let lanes: Vec<Lane> = (0..2)
            .map(|i| Lane::on(ringmesh_op::ShardId::new(i)).unwrap())
            .collect();
        let mut ops: Vec<_> = lanes
            .iter()
            .map(|lane| recv(&fd).on(lane.clone()))
            .collect();
        for op in &mut ops {
            assert!(arm(op).await);
        }
        wait_until(|| lanes.iter().all(|lane| lane.inflight() == 1)).await;
        std::thread::spawn(move || drop(fd)).join().unwrap();
        for op in ops {
            let error = op.await.unwrap_err();
            assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        }
        wait_until(|| lanes.iter().all(|lane| lane.inflight() == 0)).await;
        drop(peer);
        assert_eq!(Handle::current().metrics().total().unknown_cqes, 0);
    });
}
