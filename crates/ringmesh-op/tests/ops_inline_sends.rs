//! When a send is tried on the spot, and when it goes through the ring: seen by the counters.

#[path = "support/ops.rs"]
mod support;

use std::{io::Read, os::unix::net::UnixStream};

use ringmesh_op::{Builder, SharedFd, ops::Send};
use ringmesh_sched::{spawn, yield_now};
use support::{counted, on, on_shard, op};

fn pair() -> (SharedFd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (SharedFd::new(ours.into()), theirs)
}

/// Inline completions so far.
fn inline() -> u64 {
    counted().inline_completions
}

#[test]
fn a_send_with_the_shard_to_itself_is_done_on_the_spot() {
    on_shard(async {
        let (socket, mut peer) = pair();
        spawn(async move {
            let before = inline();
            assert_eq!(
                op(Send::new(&socket, b"hello".to_vec())).await.unwrap().0,
                5
            );
            assert_eq!(inline() - before, 1);
        })
        .await
        .unwrap();
        let mut got = String::new();
        peer.read_to_string(&mut got).unwrap();
        assert_eq!(got, "hello");
    });
}

#[test]
fn a_send_with_others_waiting_to_run_goes_through_the_ring() {
    on_shard(async {
        let (socket, _peer) = pair();
        spawn(async move {
            let _other = spawn(yield_now());
            let before = inline();
            assert_eq!(
                op(Send::new(&socket, b"hello".to_vec())).await.unwrap().0,
                5
            );
            assert_eq!(inline() - before, 0);
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_switch_sends_all_through_the_ring() {
    on(Builder::new().shards(1).inline_sends(false), async {
        let (socket, _peer) = pair();
        let before = inline();
        assert_eq!(
            op(Send::new(&socket, b"hello".to_vec())).await.unwrap().0,
            5
        );
        assert_eq!(inline() - before, 0);
    });
}

/// A full socket is waited for by the ring, and what had gone on the spot is not sent twice.
#[test]
fn a_full_socket_is_waited_for_by_the_ring() {
    on_shard(async {
        let (socket, mut peer) = pair();
        let chunk = || vec![7u8; 1 << 16];
        let mut sent = 0;
        let blocked = loop {
            let send = op(Send::new(&socket, chunk()));
            match ringmesh_sched::time::timeout(std::time::Duration::from_millis(200), send).await {
                Ok(done) => sent += done.unwrap().0,
                // Dropped: it waited in the kernel and was cancelled.
                Err(_elapsed) => {
                    break spawn(async move { op(Send::new(&socket, chunk())).await.unwrap().0 });
                }
            }
        };
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            all
        });
        sent += blocked.await.unwrap();
        let all = ringmesh_sched::spawn_blocking(move || reader.join().unwrap())
            .await
            .unwrap();
        assert!(all.iter().all(|&byte| byte == 7));
        assert_eq!(all.len(), sent);
    });
}

#[test]
fn a_peer_that_is_gone_is_an_error_and_the_buffer_comes_back() {
    on_shard(async {
        let (socket, peer) = pair();
        drop(peer);
        let (error, buf) = op(Send::new(&socket, vec![1, 2]))
            .await
            .unwrap_err()
            .into_parts();
        assert_eq!((error.raw_os_error(), buf), (Some(libc::EPIPE), vec![1, 2]));
    });
}

/// A send that had gone out and was then held back for the budget would look unsent to whoever drops it, and a stream's writer
/// would not send the rest.
#[test]
fn a_task_that_has_spent_its_budget_sends_through_the_ring() {
    on_shard(async {
        let (socket, mut peer) = pair();
        spawn(async move {
            let mut send = ringmesh_op::Op::new(Send::new(&socket, b"hello".to_vec()));
            while ringmesh_sched::coop::consume() {}
            let before = inline();
            assert!(futures_lite::future::poll_once(&mut send).await.is_none());
            assert!(send.is_submitted());
            assert_eq!(inline() - before, 0);
            assert_eq!(send.await.unwrap().0, 5);
        })
        .await
        .unwrap();
        let mut got = String::new();
        peer.read_to_string(&mut got).unwrap();
        assert_eq!(got, "hello");
    });
}
