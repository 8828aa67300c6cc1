//! What the counters say: queued writers share a send, a dropped read's cancel is sent, and nothing stays behind.

#[path = "kit/kit.rs"]
mod kit;

use std::io::Write;

use kit::{half, poll_now, read_all, run, unhung, until};
use ringmesh_op::{Handle, Lane};
use ringmesh_sched::{spawn_blocking, yield_now};

fn submitted() -> u64 {
    Handle::current().metrics().total().completions
}

fn cancels() -> u64 {
    Handle::current().metrics().total().cancels
}

#[test]
fn queued_writers_share_a_send() {
    run(1, async {
        let (stream, peer) = half();
        // Fills the socket, so that whoever comes next is queued.
        let mut first = stream.write_all(vec![0; 16 << 20]);
        assert!(poll_now(&mut first).await.is_none());
        let mut queued: Vec<_> = (0..64u8).map(|i| stream.write_all([i; 10])).collect();
        for write in &mut queued {
            assert!(poll_now(write).await.is_none());
        }
        let reader = read_all(peer);
        unhung(first).await.unwrap();
        let before = submitted();
        for write in queued {
            unhung(write).await.unwrap();
        }
        let sends = submitted() - before;
        assert!(sends <= 4, "64 writers took {sends} operations");
        drop(stream);
        let all = unhung(spawn_blocking(move || reader.join().unwrap()))
            .await
            .unwrap();
        let tail: Vec<u8> = (0..64u8).flat_map(|i| [i; 10]).collect();
        assert!(all.ends_with(&tail), "in order");
    });
}

#[test]
fn a_read_dropped_on_a_third_thread_is_cancelled_and_leaves_nothing_behind() {
    run(1, async {
        let (stream, mut peer) = half();
        let before = (cancels(), Lane::current().inflight());
        let mut read = stream.read_owned(vec![0; 64]);
        assert!(poll_now(&mut read).await.is_none());
        until(|| Lane::current().inflight() > before.1).await;
        std::thread::spawn(move || drop(read)).join().unwrap();
        // The peer is silent: only the cancel can end the receive.
        until(|| Lane::current().inflight() == before.1).await;
        assert!(cancels() > before.0);
        peer.write_all(b"used again").unwrap();
        let ((), buf) = unhung(stream.read_exact([0; 10], 10)).await.unwrap();
        assert_eq!(&buf, b"used again");
    });
}

#[test]
fn a_read_that_another_adopts_is_not_cancelled() {
    run(1, async {
        let (stream, mut peer) = half();
        let mut first = stream.read(vec![0; 8]);
        let mut second = stream.read(vec![0; 8]);
        assert!(poll_now(&mut first).await.is_none());
        assert!(poll_now(&mut second).await.is_none());
        yield_now().await;
        let before = cancels();
        drop(first);
        assert!(poll_now(&mut second).await.is_none());
        peer.write_all(b"adopted").unwrap();
        assert_eq!(unhung(second).await.unwrap().0, 7);
        assert_eq!(cancels(), before);
    });
}
