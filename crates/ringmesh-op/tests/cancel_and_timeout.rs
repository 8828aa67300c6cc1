//! Cancels that are waited for, and time limits that never hide a success.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::{
    io::{ErrorKind, Write},
    time::Duration,
};

use lane::{Trap, arm, hung_send, pair, recv};
use ringmesh_op::Lane;
use support::{counted, on_shard, quiesce, wait_until};

#[test]
fn a_cancel_gives_the_buffer_back() {
    on_shard(async {
        let (fd, _peer) = pair();
        let mut op = recv(&fd);
        assert!(arm(&mut op).await);
        let error = op.cancel().await.unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        assert_eq!(error.into_parts().1.capacity(), 64);
        quiesce().await;
    });
}

#[test]
fn a_cancel_that_comes_too_late_gives_the_result() {
    on_shard(async {
        let (fd, mut peer) = pair();
        peer.write_all(b"in time").unwrap();
        // The receive completes in the enter that submits it, before the kernel gets to see the cancel behind it.
        let mut op = recv(&fd);
        assert!(arm(&mut op).await);
        let (n, buf) = op.cancel().await.unwrap();
        assert_eq!(&buf[..n], b"in time");
        quiesce().await;
    });
}

#[test]
fn an_op_cancelled_before_its_first_poll_never_reaches_the_kernel() {
    on_shard(async {
        let (fd, _peer) = pair();
        let error = recv(&fd).cancel().await.unwrap_err();
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        assert_eq!(error.into_parts().1.capacity(), 64);
        assert_eq!(counted().cancels, 0);
    });
}

#[test]
fn a_cancel_that_is_dropped_still_cancels() {
    on_shard(async {
        let (fd, mut peer) = pair();
        let mut op = recv(&fd);
        assert!(arm(&mut op).await);
        drop(op.cancel());
        quiesce().await;
        peer.write_all(b"x").unwrap();
        assert_eq!(recv(&fd).await.unwrap().1, b"x");
    });
}

#[test]
fn a_time_limit_stops_an_op_and_gives_the_buffer_back() {
    on_shard(async {
        let (fd, mut peer) = pair();
        let error = recv(&fd)
            .timeout(Duration::from_millis(5))
            .await
            .unwrap_err();
        assert_eq!(error.error().kind(), ErrorKind::TimedOut);
        assert_eq!(error.into_parts().1.capacity(), 64);
        assert_eq!(
            Lane::current().inflight(),
            0,
            "the output came after the kernel had let go"
        );
        peer.write_all(b"later").unwrap();
        assert_eq!(recv(&fd).await.unwrap().1, b"later");
    });
}

/// P5: the timer has fired, the cancel was sent, and the kernel has a success all the same: the success it is.
#[test]
fn a_success_wins_over_a_timer_that_has_fired() {
    on_shard(async {
        let trap = match Trap::new() {
            Ok(trap) => trap,
            Err(error) => {
                println!(
                    "SKIP a_success_wins_over_a_timer_that_has_fired: no userfaultfd ({error})"
                );
                return;
            }
        };
        let spring = trap.spring();
        let (fd, _peer) = pair();
        let send = hung_send(&Lane::current(), trap, fd);
        let mut limited = send.timeout(Duration::from_millis(1));
        assert!(arm(&mut limited).await);
        wait_until(|| spring.has_caught()).await;
        while counted().cancels == 0 {
            assert!(arm(&mut limited).await, "the worker hangs");
            ringmesh_sched::time::sleep(Duration::from_millis(1)).await;
        }
        spring.release();
        assert_eq!(limited.await, Trap::LEN as i32);
    });
}

/// The same with ops that complete at once and a limit of nothing.
#[test]
fn a_limit_of_zero_leaves_an_op_that_needs_no_waiting_its_result() {
    on_shard(async {
        let (fd, mut peer) = pair();
        for _ in 0..100 {
            peer.write_all(b"data").unwrap();
            let (n, buf) = recv(&fd).timeout(Duration::ZERO).await.unwrap();
            assert_eq!(&buf[..n], b"data");
        }
        quiesce().await;
    });
}

/// Somebody else's cancel is not a time-out.
#[test]
fn a_cancel_under_a_time_limit_is_reported_as_a_cancel() {
    on_shard(async {
        let (fd, _peer) = pair();
        let mut limited = recv(&fd).timeout(Duration::from_secs(3600));
        assert!(arm(&mut limited).await);
        let op = limited.into_inner();
        op.request_cancel();
        assert_eq!(
            op.await.unwrap_err().error().raw_os_error(),
            Some(libc::ECANCELED)
        );
    });
}

#[test]
fn a_time_limit_that_is_dropped_cancels_its_op() {
    on_shard(async {
        let (fd, mut peer) = pair();
        let mut limited = recv(&fd).timeout(Duration::from_secs(3600));
        assert!(arm(&mut limited).await);
        drop(limited);
        quiesce().await;
        peer.write_all(b"x").unwrap();
        assert_eq!(recv(&fd).await.unwrap().1, b"x");
    });
}
