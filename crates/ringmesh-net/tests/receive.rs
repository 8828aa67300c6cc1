//! No byte, no end and no error is lost to a future that was dropped (P4).

#[path = "kit/kit.rs"]
mod kit;

use std::io::{ErrorKind, Write};
use std::time::Duration;

use futures_lite::future::or;
use kit::{Random, half, pair, pattern, poll_now, reset, run, unhung, write_pieces};
use ringmesh_buf::IoBufMut;
use ringmesh_net::TcpStream;
use ringmesh_sched::time::{sleep, timeout};
use ringmesh_sched::{spawn, yield_now};

/// One way to read, picked by chance, often dropped half-way. Gives what it got.
async fn read_somehow(stream: &TcpStream, random: &mut Random, left: usize) -> Option<Vec<u8>> {
    let patience = Duration::from_micros(random.below(200));
    let size = random.below(5000) as usize + 1;
    match random.below(8) {
        0 | 1 => {
            let (_, buf) = timeout(patience, stream.read(Vec::with_capacity(size)))
                .await
                .ok()?
                .unwrap();
            Some(buf)
        }
        2 => {
            let read = async { Some(stream.read(vec![0; size]).await.unwrap().1) };
            or(read, async {
                sleep(patience).await;
                None
            })
            .await
        }
        3 => {
            let n = size.min(left);
            let ((), buf) = timeout(patience, stream.read_exact(Vec::with_capacity(n), n))
                .await
                .ok()?
                .unwrap();
            assert_eq!(buf.len(), n);
            Some(buf)
        }
        4 => {
            let lease = timeout(patience, stream.recv()).await.ok()?.unwrap();
            Some(lease.map_or_else(Vec::new, |lease| lease.to_vec()))
        }
        5 => {
            let (n, seen) = timeout(patience, stream.peek(vec![0; size]))
                .await
                .ok()?
                .unwrap();
            let (m, read) = stream.read(Vec::with_capacity(n.max(1))).await.unwrap();
            assert_eq!(
                &seen[..m],
                &read[..m],
                "a peek shows what the next read takes"
            );
            Some(read)
        }
        6 => {
            let mut read = stream.read(Vec::with_capacity(size));
            for _ in 0..random.below(4) {
                if let Some(done) = poll_now(&mut read).await {
                    return Some(done.unwrap().1);
                }
                yield_now().await;
            }
            None
        }
        _ => match stream
            .read(Vec::with_capacity(size))
            .timeout(patience)
            .await
        {
            Ok((_, buf)) => Some(buf),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::TimedOut);
                assert!(e.buf().capacity() >= size, "the buffer comes back");
                None
            }
        },
    }
}

fn dropped_reads_lose_nothing(seed: u64, shards: usize) {
    run(shards, async move {
        let (stream, peer) = half();
        let sent = pattern(400_000);
        let writer = write_pieces(peer, sent.clone(), seed);
        let task = spawn(async move {
            let mut random = Random::new(seed);
            let mut got: Vec<u8> = Vec::new();
            while got.len() < sent.len() {
                if let Some(bytes) =
                    read_somehow(&stream, &mut random, sent.len() - got.len()).await
                {
                    assert!(
                        !bytes.is_empty(),
                        "seed {seed}: an end after {} bytes",
                        got.len()
                    );
                    got.extend(bytes);
                }
            }
            assert!(got == sent, "seed {seed}: bytes differ");
            assert_eq!(stream.read(vec![0; 8]).await.unwrap().0, 0, "seed {seed}");
        });
        task.await.unwrap();
        writer.join().unwrap();
    });
}

#[test]
fn timeouts_and_selects_lose_no_byte() {
    for seed in 1..=6 {
        dropped_reads_lose_nothing(seed, 1);
    }
}

#[test]
fn timeouts_and_selects_lose_no_byte_across_shards() {
    for seed in 11..=16 {
        dropped_reads_lose_nothing(seed, 2);
    }
}

#[test]
fn bytes_of_a_dropped_read_come_first() {
    run(1, async {
        let (stream, mut peer) = half();
        for round in 0..100u8 {
            let mut read = stream.read(vec![0; 3]);
            assert!(poll_now(&mut read).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            peer.write_all(&[round, 1, 2, 3, 4]).unwrap();
            drop(read);
            let ((), buf) = unhung(stream.read_exact([9; 5], 5)).await.unwrap();
            assert_eq!(buf, [round, 1, 2, 3, 4]);
        }
    });
}

#[test]
fn a_bigger_orphan_is_dealt_out_in_small_reads() {
    run(1, async {
        let (stream, mut peer) = half();
        let mut read = stream.read(vec![0; 100]);
        assert!(poll_now(&mut read).await.is_none());
        yield_now().await;
        peer.write_all(b"abcdefgh").unwrap();
        drop(read);
        let mut got: Vec<u8> = Vec::new();
        while got.len() < 8 {
            let (n, buf) = unhung(stream.read([0; 3])).await.unwrap();
            got.extend(&buf[..n]);
        }
        assert_eq!(got, b"abcdefgh");
    });
}

#[test]
fn a_reset_after_an_orphan_is_an_error_and_not_an_end() {
    run(1, async {
        for round in 0..50 {
            let (stream, peer) = half();
            let mut read = stream.read(vec![0; 8]);
            assert!(poll_now(&mut read).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            reset(peer);
            drop(read);
            for _ in 0..round % 3 {
                yield_now().await;
            }
            let error = unhung(stream.read(vec![0; 8]))
                .await
                .expect_err("not a clean end");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "round {round}");
        }
    });
}

#[test]
fn a_reset_behind_bytes_comes_after_them() {
    run(1, async {
        let (stream, mut peer) = half();
        let mut read = stream.read(vec![0; 8]);
        assert!(poll_now(&mut read).await.is_none());
        yield_now().await;
        peer.write_all(b"last").unwrap();
        reset(peer);
        drop(read);
        let ((), buf) = unhung(stream.read_exact(vec![0; 4], 4)).await.unwrap();
        assert_eq!(buf, b"last");
        let error = unhung(stream.read(vec![0; 8]))
            .await
            .expect_err("not a clean end");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn an_end_that_came_for_a_dropped_read_is_kept() {
    run(1, async {
        let (stream, peer) = half();
        let mut read = stream.read(vec![0; 8]);
        assert!(poll_now(&mut read).await.is_none());
        yield_now().await;
        drop(peer);
        drop(read);
        assert_eq!(unhung(stream.read(vec![0; 8])).await.unwrap().0, 0);
        assert_eq!(
            unhung(stream.read(vec![0; 8])).await.unwrap().0,
            0,
            "and stays"
        );
        assert!(unhung(stream.recv()).await.unwrap().is_none());
    });
}

#[test]
fn a_reset_in_the_middle_of_a_frame_says_how_far_it_came() {
    run(1, async {
        let (stream, mut peer) = half();
        peer.write_all(b"half a ").unwrap();
        let mut frame = stream.read_exact(Vec::with_capacity(12), 12);
        while poll_now(&mut frame).await.is_none() {
            if frame_has(&frame, 7) {
                break;
            }
            yield_now().await;
        }
        reset(peer);
        let error = unhung(frame).await.expect_err("the frame is not whole");
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert_eq!(error.progress(), 7);
        assert_eq!(&error.buf()[..7], b"half a ");
    });
}

/// Whether `read_exact` has had `n` bytes, from its `Debug` form.
fn frame_has<B: IoBufMut>(frame: &ringmesh_net::ReadExact<'_, B>, n: usize) -> bool {
    format!("{frame:?}").contains(&format!("filled: {n}"))
}

#[test]
fn an_end_in_the_middle_of_a_frame_is_unexpected() {
    run(1, async {
        let (stream, mut peer) = half();
        peer.write_all(b"half a ").unwrap();
        drop(peer);
        let error = unhung(stream.read_exact(vec![0; 12], 12))
            .await
            .expect_err("not whole");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(error.progress(), 7);
    });
}

#[test]
fn a_dropped_read_exact_puts_its_bytes_back() {
    run(1, async {
        let (stream, mut peer) = half();
        peer.write_all(b"0123").unwrap();
        let mut frame = stream.read_exact(Vec::with_capacity(10), 10);
        while !frame_has(&frame, 4) {
            assert!(poll_now(&mut frame).await.is_none());
            yield_now().await;
        }
        drop(frame);
        peer.write_all(b"456789").unwrap();
        let ((), whole) = unhung(stream.read_exact(vec![0; 10], 10)).await.unwrap();
        assert_eq!(whole, b"0123456789");
    });
}

#[test]
fn a_reader_in_line_gets_what_a_dropped_read_exact_had() {
    run(1, async {
        let (stream, mut peer) = half();
        peer.write_all(b"0123").unwrap();
        let mut frame = stream.read_exact(Vec::with_capacity(10), 10);
        while !frame_has(&frame, 4) {
            assert!(poll_now(&mut frame).await.is_none());
            yield_now().await;
        }
        let mut next = stream.read(vec![0; 10]);
        assert!(poll_now(&mut next).await.is_none());
        drop(frame);
        // The peer stays silent: these bytes must not wait behind an armed receive.
        let (n, buf) = unhung(next).await.unwrap();
        assert_eq!(&buf[..n], b"0123");
    });
}

#[test]
fn a_reader_in_line_adopts_a_dropped_readers_op() {
    run(1, async {
        let (stream, mut peer) = half();
        let mut first = stream.read(vec![0; 4]);
        let mut second = stream.read(vec![0; 8]);
        assert!(poll_now(&mut first).await.is_none());
        assert!(poll_now(&mut second).await.is_none());
        yield_now().await;
        drop(first);
        assert!(poll_now(&mut second).await.is_none());
        peer.write_all(b"abcdef").unwrap();
        let (n, buf) = unhung(second).await.unwrap();
        assert_eq!(&buf[..n], &b"abcdef"[..n]);
        let ((), rest) = unhung(stream.read_exact(vec![0; 6 - n], 6 - n))
            .await
            .unwrap();
        assert_eq!(rest, &b"abcdef"[n..]);
    });
}

#[test]
fn clones_that_read_at_once_get_every_byte_in_order() {
    run(2, async {
        let (stream, peer) = half();
        let count = 20_000u32;
        let sent: Vec<u8> = (0..count).flat_map(u32::to_le_bytes).collect();
        let writer = write_pieces(peer, sent, 3);
        let readers: Vec<_> = (0..4u64)
            .map(|id| {
                let stream = stream.clone();
                spawn(async move {
                    let mut random = Random::new(id + 40);
                    let mut runs = Vec::new();
                    loop {
                        let words = random.below(50) as usize + 1;
                        let n = words * 4;
                        let (end, buf) = match stream.read_exact(Vec::with_capacity(n), n).await {
                            Ok(((), buf)) => (false, buf),
                            Err(e) => {
                                assert_eq!(e.kind(), ErrorKind::UnexpectedEof);
                                let progress = e.progress();
                                let (_, mut buf) = e.into_parts();
                                buf.truncate(progress);
                                (true, buf)
                            }
                        };
                        let words: Vec<u32> = buf
                            .chunks_exact(4)
                            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
                            .collect();
                        assert!(
                            words.windows(2).all(|w| w[1] == w[0] + 1),
                            "one run of the stream"
                        );
                        runs.extend(words);
                        if end {
                            return runs;
                        }
                    }
                })
            })
            .collect();
        let mut all = Vec::new();
        for reader in readers {
            let runs = unhung(reader).await.unwrap();
            assert!(
                runs.windows(2).all(|w| w[0] < w[1]),
                "a reader's runs ascend"
            );
            all.extend(runs);
        }
        all.sort_unstable();
        assert!(all.into_iter().eq(0..count), "every word once");
        writer.join().unwrap();
    });
}

#[test]
fn reads_follow_the_buffer_rules() {
    run(1, async {
        let (stream, mut peer) = half();
        peer.write_all(b"abcdefghij").unwrap();
        let (n, buf) = stream.read(Vec::with_capacity(4)).await.unwrap();
        assert_eq!((n, &buf[..]), (4, &b"abcd"[..]), "the length is the count");
        let (n, buf) = stream.read_append(with_room(b"xy", 3)).await.unwrap();
        assert_eq!((n, &buf[..]), (3, &b"xyefg"[..]));
        let (n, buf) = stream.read(vec![0; 8].limit(2)).await.unwrap();
        assert_eq!((n, &buf.into_inner()[..]), (2, &b"hi"[..]));
        let error = stream.read(Vec::new()).await.expect_err("no room");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = stream.read_exact(vec![0; 3], 4).await.expect_err("no room");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let ((), buf) = stream.read_exact(vec![7; 3], 0).await.unwrap();
        assert!(buf.is_empty());
        let (n, buf) = stream.read([0; 4]).await.unwrap();
        assert_eq!((n, buf), (1, *b"j\0\0\0"));
    });
}

fn with_room(bytes: &[u8], room: usize) -> Vec<u8> {
    let mut buf = Vec::with_capacity(bytes.len() + room);
    buf.extend_from_slice(bytes);
    buf.shrink_to(bytes.len() + room);
    buf
}

#[test]
fn vectored_reads_fill_one_buffer_after_the_other() {
    run(1, async {
        let (stream, mut peer) = half();
        peer.write_all(b"abcdef").unwrap();
        let (n, (a, b)) = stream
            .read_vectored((vec![0; 4], vec![0; 4]))
            .await
            .unwrap();
        assert_eq!((n, &a[..], &b[..]), (6, &b"abcd"[..], &b"ef"[..]));

        // The same through a dropped read.
        let mut read = stream.read_vectored([Vec::with_capacity(2), Vec::with_capacity(9)]);
        assert!(poll_now(&mut read).await.is_none());
        yield_now().await;
        peer.write_all(b"ghijkl").unwrap();
        drop(read);
        let (n, list) = unhung(stream.read_vectored(vec![vec![0; 3], vec![0; 3]]))
            .await
            .unwrap();
        assert_eq!((n, list.concat()), (6, b"ghijkl".to_vec()));
    });
}

#[test]
fn recv_and_read_mix() {
    run(1, async {
        let (stream, mut peer) = half();
        peer.write_all(b"one").unwrap();
        let lease = unhung(stream.recv()).await.unwrap().unwrap();
        assert_eq!(&lease[..], b"one");
        drop(lease);
        peer.write_all(b"two!").unwrap();
        let ((), buf) = unhung(stream.read_exact(vec![0; 2], 2)).await.unwrap();
        assert_eq!(buf, b"tw");
        let lease = unhung(stream.recv()).await.unwrap().unwrap();
        assert_eq!(&lease[..], b"o!");
        drop(peer);
        assert!(unhung(stream.recv()).await.unwrap().is_none());
        assert_eq!(unhung(stream.read(vec![0; 1])).await.unwrap().0, 0);
    });
}

#[test]
fn leases_that_are_all_out_do_not_stop_a_stream() {
    run(1, async {
        let (stream, peer) = half();
        let sent = pattern(3_000_000);
        let writer = write_pieces(peer, sent.clone(), 5);
        let mut kept = Vec::new();
        let mut got = Vec::new();
        while let Some(lease) = unhung(stream.recv()).await.unwrap() {
            got.extend_from_slice(&lease);
            // More than the shard's 64 buffers at times.
            kept.push(lease);
            if kept.len() == 90 {
                kept.clear();
            }
        }
        assert!(got == sent);
        writer.join().unwrap();
    });
}

#[test]
fn cancel_gives_the_buffer_back() {
    run(1, async {
        let (stream, mut peer) = half();
        let mut read = stream.read(Vec::with_capacity(77));
        assert!(poll_now(&mut read).await.is_none());
        yield_now().await;
        let error = unhung(read.cancel()).await.expect_err("the peer is silent");
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        assert_eq!(error.into_parts().1.capacity(), 77);
        let error = unhung(stream.read(vec![0; 5]).cancel())
            .await
            .expect_err("never polled");
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        peer.write_all(b"x").unwrap();
        assert_eq!(unhung(stream.read(vec![0; 5])).await.unwrap().0, 1);
    });
}

#[test]
fn a_read_is_served_while_a_write_waits() {
    run(1, async {
        let (a, b) = pair().await;
        let big = vec![1; 16 << 20];
        let mut write = a.write_all(big);
        assert!(poll_now(&mut write).await.is_none());
        b.write_all("hello").await.unwrap();
        let ((), buf) = unhung(a.read_exact([0; 5], 5)).await.unwrap();
        assert_eq!(&buf, b"hello");
        let drain = spawn(async move {
            let mut total = 0;
            while total < 16 << 20 {
                total += b.read(Vec::with_capacity(1 << 20)).await.unwrap().0;
            }
        });
        unhung(write).await.unwrap();
        unhung(drain).await.unwrap();
    });
}
