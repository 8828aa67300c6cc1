//! Writers: order, coalescing, and what becomes of dropped and cancelled ones (P24).

#[path = "kit/kit.rs"]
mod kit;

use std::io::{ErrorKind, Read, Write as _};
use std::net::Shutdown;
use std::time::Duration;

use kit::{Random, half, pair, pattern, poll_now, read_all, reset, run, run_ring_sends, unhung};
use ringmesh_sched::{spawn, spawn_blocking, yield_now};

/// Far more than the kernel buffers on a loopback connection, so that a write of it waits for the peer.
const BIG: usize = 16 << 20;

#[test]
fn a_dropped_write_that_was_accepted_is_sent_whole_and_first() {
    run(1, async {
        let (stream, peer) = half();
        let big = pattern(BIG);
        let mut write = stream.write_all(big.clone());
        assert!(poll_now(&mut write).await.is_none());
        drop(write);
        let reader = read_all(peer);
        unhung(stream.write_all("tail")).await.unwrap();
        drop(stream);
        let all = reader.join().unwrap();
        assert_eq!(all.len(), BIG + 4);
        assert!(all[..BIG] == big && &all[BIG..] == b"tail");
    });
}

#[test]
fn a_dropped_write_goes_out_although_the_stream_is_dropped_too() {
    run(1, async {
        let (stream, peer) = half();
        let big = pattern(BIG);
        let mut write = stream.write_all(big.clone());
        assert!(poll_now(&mut write).await.is_none());
        drop(write);
        drop(stream);
        let all = unhung(spawn_blocking(move || read_all(peer).join().unwrap()))
            .await
            .unwrap();
        assert!(all == big, "whole, and then the end");
    });
}

#[test]
fn a_short_write_that_was_dropped_is_sent_whole() {
    // `write` may be short when it is awaited, but what was accepted from a dropped one goes out.
    run_ring_sends(1, async {
        let (stream, peer) = half();
        let big = pattern(BIG);
        let mut write = stream.write(big.clone());
        let first = poll_now(&mut write).await;
        assert!(first.is_none(), "the op needs a turn of the loop");
        drop(write);
        let reader = read_all(peer);
        unhung(stream.flush()).await.unwrap();
        drop(stream);
        assert!(
            unhung(spawn_blocking(move || reader.join().unwrap()))
                .await
                .unwrap()
                == big
        );
    });
}

#[test]
fn a_dropped_write_that_was_not_accepted_sends_nothing() {
    run(1, async {
        let (stream, peer) = half();
        let big = pattern(BIG);
        let mut first = stream.write_all(big.clone());
        assert!(poll_now(&mut first).await.is_none());
        let mut second = stream.write_all("not this");
        assert!(poll_now(&mut second).await.is_none());
        let mut third = stream.write_all("but this");
        assert!(poll_now(&mut third).await.is_none());
        drop(second);
        drop(stream.write_all("never polled"));
        let reader = read_all(peer);
        unhung(first).await.unwrap();
        unhung(third).await.unwrap();
        drop(stream);
        let all = unhung(spawn_blocking(move || reader.join().unwrap()))
            .await
            .unwrap();
        assert!(all[..BIG] == big && &all[BIG..] == b"but this");
    });
}

#[test]
fn queued_writers_leave_in_order_through_short_sends() {
    run(1, async {
        let (stream, mut peer) = half();
        stream.set_send_buffer_size(8 * 1024).unwrap();
        let mut random = Random::new(4);
        let mut sent = Vec::new();
        let mut writers = Vec::new();
        for i in 0..300u32 {
            let len = random.below(9000) as usize + 1;
            let message: Vec<u8> = (0..len).map(|at| (at as u32 ^ i) as u8).collect();
            sent.extend_from_slice(&message);
            let mut write = stream.write_all(message);
            match poll_now(&mut write).await {
                Some(done) => drop(done.unwrap()),
                None => writers.push(write),
            }
        }
        let total = sent.len();
        let reader = spawn_blocking(move || {
            let mut all = Vec::new();
            let mut piece = [0; 5000];
            while all.len() < total {
                let n = peer.read(&mut piece).unwrap();
                assert_ne!(n, 0);
                all.extend_from_slice(&piece[..n]);
            }
            all
        });
        for write in writers {
            unhung(write).await.unwrap();
        }
        assert!(unhung(reader).await.unwrap() == sent);
    });
}

#[test]
fn writers_of_many_tasks_are_whole_messages() {
    run(2, async {
        let (a, b) = pair().await;
        let mut tasks = Vec::new();
        for id in 0..8u8 {
            let a = a.clone();
            tasks.push(spawn(async move {
                let mut random = Random::new(id.into());
                for _ in 0..200 {
                    let len = random.below(2000) as u16;
                    let mut frame = vec![id];
                    frame.extend(len.to_le_bytes());
                    frame.resize(3 + usize::from(len), id);
                    a.write_all(frame).await.unwrap();
                }
            }));
        }
        drop(a);
        let mut counts = [0; 8];
        for _ in 0..8 * 200 {
            let ((), head) = unhung(b.read_exact([0; 3], 3)).await.unwrap();
            let id = head[0];
            let len = usize::from(u16::from_le_bytes([head[1], head[2]]));
            let ((), body) = unhung(b.read_exact(Vec::with_capacity(len.max(1)), len))
                .await
                .unwrap();
            assert!(
                body.iter().all(|byte| *byte == id),
                "no other message in between"
            );
            counts[usize::from(id)] += 1;
        }
        assert_eq!(counts, [200; 8]);
        for task in tasks {
            unhung(task).await.unwrap();
        }
        assert_eq!(unhung(b.read(vec![0; 1])).await.unwrap().0, 0);
    });
}

#[test]
fn vectored_writes_keep_their_place_and_their_parts() {
    run(1, async {
        let (stream, peer) = half();
        let big = pattern(BIG);
        let reader = read_all(peer);
        let (n, parts) =
            unhung(stream.write_vectored(vec![b"ab".to_vec(), Vec::new(), b"c".to_vec()]))
                .await
                .unwrap();
        assert_eq!((n, parts.concat()), (3, b"abc".to_vec()));
        let mut first = stream.write_all(big.clone());
        let mut second = stream.write_vectored((big.clone(), "end"));
        let early = poll_now(&mut first).await;
        let queued = poll_now(&mut second).await;
        assert!(early.is_none() && queued.is_none());
        drop(second); // Queued, not submitted: nothing of it goes.
        unhung(first).await.unwrap();
        let (n, _) = unhung(stream.write_vectored((big.clone(), "fin")))
            .await
            .unwrap();
        assert_eq!(n, BIG + 3);
        drop(stream);
        let all = unhung(spawn_blocking(move || reader.join().unwrap()))
            .await
            .unwrap();
        assert_eq!(all.len(), 3 + BIG + BIG + 3);
        assert!(all[3..3 + BIG] == big && all[3 + BIG..3 + 2 * BIG] == big);
        assert!(all.ends_with(b"fin"));
    });
}

#[test]
fn a_reset_fails_the_writers_whose_bytes_did_not_go() {
    run(1, async {
        let (stream, peer) = half();
        let mut first = stream.write_all(pattern(BIG));
        assert!(poll_now(&mut first).await.is_none());
        let mut second = stream.write_all("second");
        assert!(poll_now(&mut second).await.is_none());
        while !format!("{stream:?}").contains("waiting: 1") {
            yield_now().await;
        }
        reset(peer);
        let error = unhung(first).await.expect_err("the peer is gone");
        assert!(is_gone(error.error()), "{error:?}");
        assert_eq!(error.buf().len(), BIG, "the buffer comes back");
        let error = unhung(second).await.expect_err("the peer is gone");
        assert!(is_gone(error.error()), "{error:?}");
        assert_eq!(error.progress(), 0);
        let error = unhung(stream.write("third"))
            .await
            .expect_err("the peer is gone");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn the_error_of_a_dropped_write_reaches_the_next_writer() {
    run(1, async {
        let (stream, peer) = half();
        let mut write = stream.write_all(pattern(BIG));
        assert!(poll_now(&mut write).await.is_none());
        yield_now().await;
        drop(write);
        reset(peer);
        unhung(stream.flush()).await.unwrap();
        let error = unhung(stream.write("next"))
            .await
            .expect_err("accepted bytes were lost");
        assert!(is_gone(error.error()), "{error:?}");
        let error = unhung(stream.write("later"))
            .await
            .expect_err("accepted bytes were lost");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

fn is_gone(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

#[test]
fn cancel_tells_how_much_was_sent() {
    run(1, async {
        let (stream, peer) = half();
        let big = pattern(BIG);
        let mut first = stream.write_all(big.clone());
        let mut second = stream.write_all("second");
        assert!(poll_now(&mut first).await.is_none());
        assert!(poll_now(&mut second).await.is_none());
        let error = unhung(second.cancel())
            .await
            .expect_err("it was only queued");
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        assert_eq!((error.progress(), error.into_parts().1), (0, "second"));
        for _ in 0..10 {
            assert!(poll_now(&mut first).await.is_none());
            yield_now().await;
        }
        let error = unhung(first.cancel())
            .await
            .expect_err("the peer does not read");
        assert_eq!(error.error().raw_os_error(), Some(libc::ECANCELED));
        let sent = error.progress();
        assert!(sent > 0 && sent < BIG, "{sent}");
        drop(stream);
        let all = unhung(spawn_blocking(move || read_all(peer).join().unwrap()))
            .await
            .unwrap();
        assert!(all == big[..sent], "exactly what it said");
    });
}

#[test]
fn a_write_that_times_out_gives_its_buffer_back() {
    run(1, async {
        let (stream, peer) = half();
        let limit = Duration::from_millis(20);
        let error = unhung(stream.write_all(pattern(BIG)).timeout(limit))
            .await
            .expect_err("the peer does not read");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let (sent, progress) = (error.buf()[..error.progress()].to_vec(), error.progress());
        assert!(progress > 0);
        drop(stream);
        assert!(
            unhung(spawn_blocking(move || read_all(peer).join().unwrap()))
                .await
                .unwrap()
                == sent
        );
    });
}

#[test]
fn shutdown_waits_for_what_was_accepted() {
    run(1, async {
        let (stream, mut peer) = half();
        let big = pattern(BIG);
        let mut write = stream.write_all(big.clone());
        assert!(poll_now(&mut write).await.is_none());
        drop(write);
        let reader = read_all(peer.try_clone().unwrap());
        unhung(stream.shutdown(Shutdown::Write)).await.unwrap();
        assert!(
            unhung(spawn_blocking(move || reader.join().unwrap()))
                .await
                .unwrap()
                == big
        );
        // The other direction still works.
        peer.write_all(b"bye").unwrap();
        let ((), buf) = unhung(stream.read_exact([0; 3], 3)).await.unwrap();
        assert_eq!(&buf, b"bye");
        let error = unhung(stream.write("x"))
            .await
            .expect_err("it was shut down");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn dropping_the_write_half_ends_the_stream_behind_its_bytes() {
    run(2, async {
        let (a, b) = pair().await;
        let (read, write) = a.into_split();
        let mut last = write.write_all(pattern(BIG));
        assert!(poll_now(&mut last).await.is_none());
        drop(last);
        drop(write);
        let mut total = 0;
        loop {
            let (n, _) = unhung(b.read(Vec::with_capacity(1 << 20))).await.unwrap();
            if n == 0 {
                break;
            }
            total += n;
        }
        assert_eq!(total, BIG);
        b.write_all("reply").await.unwrap();
        let ((), buf) = unhung(read.read_exact([0; 5], 5)).await.unwrap();
        assert_eq!(&buf, b"reply");
    });
}

#[test]
fn halves_come_together_again() {
    run(1, async {
        let (a, b) = pair().await;
        let (other, _) = pair().await;
        let (read, write) = a.into_split();
        let (other_read, other_write) = other.into_split();
        let mixed = read
            .reunite(other_write)
            .expect_err("of different connections");
        let (read, other_write) = (mixed.0, mixed.1);
        other_read.reunite(other_write).unwrap();
        let a = read.reunite(write).unwrap();
        a.write_all("still open").await.unwrap();
        let ((), buf) = unhung(b.read_exact(vec![0; 10], 10)).await.unwrap();
        assert_eq!(buf, b"still open");
        let (r, w) = a.split();
        w.write_all("x").await.unwrap();
        b.write_all("y").await.unwrap();
        assert_eq!(unhung(r.read([0; 1])).await.unwrap().1, *b"y");
    });
}

#[test]
fn empty_writes_are_nothing() {
    run(1, async {
        let (stream, peer) = half();
        assert_eq!(stream.write("").await.unwrap().0, 0);
        stream.write_all(Vec::new()).await.unwrap();
        assert_eq!(
            stream
                .write_vectored([Vec::new(), Vec::new()])
                .await
                .unwrap()
                .0,
            0
        );
        drop(stream);
        assert!(read_all(peer).join().unwrap().is_empty());
    });
}

#[test]
fn detached_writes_go_in_order_and_outlive_their_stream() {
    run(1, async {
        let (stream, peer) = half();
        let big = pattern(BIG);
        stream.write_detached(big.clone());
        stream.write_detached("one ");
        stream.write_detached(Vec::new());
        stream.write_detached("two");
        let reader = read_all(peer);
        unhung(stream.write_all(" three")).await.unwrap();
        stream.write_detached(vec![9; 5]);
        std::thread::spawn(move || {
            stream.write_detached(" four");
            drop(stream);
        })
        .join()
        .unwrap();
        let all = unhung(spawn_blocking(move || reader.join().unwrap()))
            .await
            .unwrap();
        assert!(all[..BIG] == big);
        assert_eq!(&all[BIG..], b"one two three\x09\x09\x09\x09\x09 four");
    });
}

#[test]
fn a_task_that_writes_without_end_lets_others_run() {
    // More writes in one poll than the task's budget: the queue must go on all the same.
    run(1, async {
        let (stream, peer) = half();
        let reader = read_all(peer);
        let mut writers: Vec<_> = (0..1000u32)
            .map(|i| stream.write_all(i.to_le_bytes()))
            .collect();
        for writer in &mut writers {
            if let Some(done) = poll_now(writer).await {
                done.unwrap();
            }
        }
        drop(writers); // The first is accepted, the others are not.
        unhung(stream.write_all("end")).await.unwrap();
        drop(stream);
        let all = unhung(spawn_blocking(move || reader.join().unwrap()))
            .await
            .unwrap();
        assert!(all.ends_with(b"end"));
    });
}

/// Writers that drop their futures at random: every frame arrives whole or not at all, completed ones arrive,
/// and each writer's frames arrive in its order.
fn dropped_writes_are_whole_or_nothing(seed: u64) {
    const WRITERS: u32 = 4;
    const FRAMES: u32 = 150;
    run(2, async move {
        let (stream, mut peer) = half();
        stream.set_send_buffer_size(16 * 1024).unwrap();
        let reader = std::thread::spawn(move || {
            let mut random = Random::new(seed);
            let mut all = Vec::new();
            let mut piece = vec![0; 20_000];
            loop {
                let room = random.below(20_000) as usize + 1;
                match peer.read(&mut piece[..room]).unwrap() {
                    0 => return all,
                    n => all.extend_from_slice(&piece[..n]),
                }
                if random.below(16) == 0 {
                    std::thread::sleep(Duration::from_micros(random.below(200)));
                }
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let stream = stream.clone();
                spawn(async move {
                    let mut random = Random::new(seed * 100 + u64::from(writer));
                    let mut done = Vec::new();
                    for frame in 0..FRAMES {
                        let len = random.below(8000) as u32;
                        let mut bytes = Vec::new();
                        for word in [writer, frame, len] {
                            bytes.extend(word.to_le_bytes());
                        }
                        bytes.resize(12 + len as usize, writer as u8);
                        let mut write = stream.write_all(bytes);
                        let patience = random.below(6);
                        for turn in 0.. {
                            if turn == patience && patience < 3 {
                                break;
                            }
                            if turn >= 3 {
                                (&mut write).await.unwrap();
                                done.push(frame);
                                break;
                            }
                            if let Some(result) = poll_now(&mut write).await {
                                result.unwrap();
                                done.push(frame);
                                break;
                            }
                            yield_now().await;
                        }
                    }
                    done
                })
            })
            .collect();
        let mut done = Vec::new();
        for writer in writers {
            done.push(unhung(writer).await.unwrap());
        }
        drop(stream);
        let all = unhung(spawn_blocking(move || reader.join().unwrap()))
            .await
            .unwrap();

        let mut rest = &all[..];
        let mut came = vec![Vec::new(); WRITERS as usize];
        while !rest.is_empty() {
            let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let (writer, frame, len) = (word(0), word(4), word(8) as usize);
            assert!(
                rest[12..12 + len]
                    .iter()
                    .all(|byte| u32::from(*byte) == writer),
                "seed {seed}"
            );
            came[writer as usize].push(frame);
            rest = &rest[12 + len..];
        }
        for (came, done) in came.iter().zip(&done) {
            assert!(
                came.windows(2).all(|w| w[0] < w[1]),
                "seed {seed}: in order, once"
            );
            assert!(
                done.iter().all(|frame| came.contains(frame)),
                "seed {seed}: nothing lost"
            );
        }
    });
}

#[test]
fn dropped_writes_of_many_tasks_are_whole_or_nothing() {
    for seed in 1..=5 {
        dropped_writes_are_whole_or_nothing(seed);
    }
}
