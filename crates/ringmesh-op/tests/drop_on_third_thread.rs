//! An armed receive whose future is dropped on a thread that is no shard, while its peer is silent.
//!
//! Alone in its file: it counts the process's descriptors.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::io::Write;

use lane::{arm, open_fds, pair, recv};
use ringmesh_op::{Builder, Lane, Op, ops::Nop};
use support::{counted, on, wait_until};

#[test]
fn a_receive_dropped_on_a_third_thread_is_cancelled_and_its_socket_stays_usable() {
    on(Builder::new().shards(2), async {
        // Whatever the runtime opens lazily is open after this.
        Op::new(Nop::new()).await.unwrap();
        let before = open_fds();
        let (fd, mut peer) = pair();
        for round in 1..=20 {
            let lane = Lane::current();
            let mut op = recv(&fd).on(lane.clone());
            assert!(arm(&mut op).await, "the peer is silent");
            assert!(op.is_submitted());
            assert_eq!(lane.inflight(), 1);

            std::thread::spawn(move || drop(op)).join().unwrap();

            wait_until(|| lane.inflight() == 0).await;
            assert_eq!(counted().cancels, round);
            assert_eq!(counted().orphans, round);

            // Nothing is armed any more that could take these bytes away.
            peer.write_all(b"still here").unwrap();
            let (n, buf) = recv(&fd).await.unwrap();
            assert_eq!(&buf[..n], b"still here");
        }
        drop((fd, peer));
        wait_until(|| open_fds() == before).await;
        assert_eq!(counted().unknown_cqes, 0);
    });
}
