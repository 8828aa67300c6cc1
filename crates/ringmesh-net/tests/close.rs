//! Closing: the peer learns of it, and a descriptor's number never leads an operation astray (P7).

#[path = "kit/kit.rs"]
mod kit;

use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;

use kit::{half, pair, poll_now, run, run_ring_sends, unhung};
use ringmesh_net::TcpStream;
use ringmesh_op::ShardId;
use ringmesh_sched::{spawn, spawn_blocking, spawn_local_on, yield_now};

/// Whether the blocking peer sees the end of the stream.
async fn sees_end(mut peer: std::net::TcpStream) -> bool {
    unhung(spawn_blocking(move || peer.read(&mut [0; 8]).unwrap() == 0))
        .await
        .unwrap()
}

#[test]
fn dropping_a_stream_whose_read_was_dropped_in_flight_sends_fin() {
    run(1, async {
        for round in 0..20 {
            let (stream, peer) = half();
            let mut read = stream.read(vec![0; 8]);
            assert!(poll_now(&mut read).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            drop(read);
            drop(stream);
            assert!(sees_end(peer).await);
        }
    });
}

#[test]
fn dropping_a_stream_with_a_multishot_armed_sends_fin() {
    run(1, async {
        let (stream, peer) = half();
        let mut recv = stream.recv();
        assert!(poll_now(&mut recv).await.is_none());
        yield_now().await;
        drop(recv);
        drop(stream);
        assert!(sees_end(peer).await);
    });
}

#[test]
fn aborting_the_task_that_reads_sends_fin() {
    run(2, async {
        let (stream, peer) = half();
        let task = spawn(async move { stream.read(vec![0; 8]).await.map(drop) });
        yield_now().await;
        task.abort();
        assert!(sees_end(peer).await);
    });
}

#[test]
fn a_stream_armed_on_one_shard_and_dropped_on_another_sends_fin() {
    run(2, async {
        for _ in 0..20 {
            let (stream, peer) = half();
            let there = {
                let stream = stream.clone();
                spawn_local_on(ShardId::new(1), move || async move {
                    let mut read = stream.read_owned(vec![0; 8]);
                    assert!(poll_now(&mut read).await.is_none());
                    yield_now().await;
                    Some(read)
                })
            };
            let read = unhung(there).await.unwrap();
            drop(read);
            drop(stream);
            assert!(sees_end(peer).await);
        }
    });
}

#[test]
fn a_read_dropped_on_a_foreign_thread_leaves_the_connection_usable() {
    run_ring_sends(1, async {
        let (stream, mut peer) = half();
        let mut read = stream.read_owned(vec![0; 8]);
        assert!(poll_now(&mut read).await.is_none());
        yield_now().await;
        std::thread::spawn(move || drop(read)).join().unwrap();
        peer.write_all(b"after").unwrap();
        let ((), buf) = unhung(stream.read_exact([0; 5], 5)).await.unwrap();
        assert_eq!(&buf, b"after");
        // A write, too, whose bytes were accepted.
        let mut write = stream.write_owned(vec![3; 8 << 20]);
        assert!(poll_now(&mut write).await.is_none());
        std::thread::spawn(move || drop(write)).join().unwrap();
        let reader = kit::read_all(peer);
        unhung(stream.flush()).await.unwrap();
        drop(stream);
        assert_eq!(
            unhung(spawn_blocking(move || reader.join().unwrap()))
                .await
                .unwrap(),
            vec![3; 8 << 20]
        );
    });
}

#[test]
fn a_reused_number_gets_nothing_of_the_old_sockets_operations() {
    run(1, async {
        let mut reused = 0;
        for round in 0..100u8 {
            let (old, old_peer) = half();
            let number = old.as_raw_fd();
            let mut read = old.read(vec![0; 64]);
            assert!(poll_now(&mut read).await.is_none());
            if round % 2 == 0 {
                yield_now().await;
            }
            drop(read);
            drop(old);
            let (new, mut peer) = half();
            reused += usize::from(new.as_raw_fd() == number);
            peer.write_all(&[round; 16]).unwrap();
            let ((), buf) = unhung(new.read_exact(vec![0; 16], 16)).await.unwrap();
            assert_eq!(buf, [round; 16]);
            drop(old_peer);
        }
        println!("{reused} of 100 numbers were used again at once");
    });
}

#[test]
fn into_std_gives_a_blocking_stream_or_itself_back() {
    run(1, async {
        let (stream, mut peer) = half();
        let clone = stream.clone();
        let busy = stream.into_std().expect_err("a clone exists");
        assert_eq!(busy.error().kind(), ErrorKind::ResourceBusy);
        assert!(busy.to_string().contains("other handles"), "{busy}");
        drop(clone);
        let stream = busy.into_socket();

        let mut read = stream.read(vec![0; 8]);
        assert!(poll_now(&mut read).await.is_none());
        yield_now().await;
        peer.write_all(b"parked").unwrap();
        drop(read);
        let busy = stream.into_std().expect_err("bytes would be lost");
        let stream = busy.into_socket();
        let ((), buf) = unhung(stream.read_exact(vec![0; 6], 6)).await.unwrap();
        assert_eq!(buf, b"parked");

        let mut plain = stream.into_std().expect("quiet now");
        peer.write_all(b"plain").unwrap();
        let mut buf = [0; 5];
        plain.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"plain");

        plain.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(plain).unwrap();
        let mut read = stream.read(vec![0; 8]);
        assert!(
            poll_now(&mut read).await.is_none(),
            "it waits, whatever mode it came in"
        );
        drop(read);
        let dup = stream.try_clone_fd().unwrap();
        drop(stream);
        drop(dup);
    });
}

#[test]
fn dropping_the_runtime_with_everything_in_flight_is_prompt() {
    let (a, peer) = half();
    let (b, _peer) = half();
    ringmesh_op::Builder::new()
        .shards(2)
        .run(async move {
            let (c, d) = pair().await;
            spawn(async move { a.read(vec![0; 8]).await.map(drop) });
            spawn(async move { b.write_all(vec![0; 16 << 20]).await.map(drop) });
            spawn(async move { c.recv().await.map(drop) });
            let mut write = d.write_all(vec![0; 16 << 20]);
            assert!(poll_now(&mut write).await.is_none());
            yield_now().await;
            std::mem::forget(d.clone());
        })
        .unwrap();
    drop(peer);
}
