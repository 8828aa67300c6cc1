//! `PollIo` over a source that the test controls, and over the in-memory pipe: no runtime, no kernel.

#[path = "support/gated.rs"]
mod gated;
#[path = "support/seeded.rs"]
mod support;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_lite::future::{block_on, zip};
use gated::{Counter, Gated};
use ringmesh_io::{AsyncReadExt as _, AsyncWriteExt as _, Duplex, Limits, PollIo, duplex};
use support::{Rng, pattern};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

/// One `poll_write`, with a waker that counts.
fn write(io: &mut PollIo<Gated>, bytes: &[u8], counter: &Arc<Counter>) -> Poll<io::Result<usize>> {
    let waker = Waker::from(counter.clone());
    Pin::new(io).poll_write(&mut Context::from_waker(&waker), bytes)
}

fn flush(io: &mut PollIo<Gated>, counter: &Arc<Counter>) -> Poll<io::Result<()>> {
    let waker = Waker::from(counter.clone());
    Pin::new(io).poll_flush(&mut Context::from_waker(&waker))
}

fn shutdown(io: &mut PollIo<Gated>, counter: &Arc<Counter>) -> Poll<io::Result<()>> {
    let waker = Waker::from(counter.clone());
    Pin::new(io).poll_shutdown(&mut Context::from_waker(&waker))
}

fn gated() -> (Gated, PollIo<Gated>, Arc<Counter>) {
    let source = Gated::default();
    (
        source.clone(),
        PollIo::new(source),
        Arc::new(Counter::default()),
    )
}

fn reset() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

fn ready<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("not ready"),
    }
}

#[test]
fn writes_behind_a_send_under_way_go_out_in_one() {
    let (source, mut io, counter) = gated();
    for word in ["one ", "two ", "three ", "four"] {
        assert_eq!(
            ready(write(&mut io, word.as_bytes(), &counter)).unwrap(),
            word.len()
        );
    }
    assert_eq!(
        source.started(),
        [b"one ".to_vec()],
        "the first goes out at once, and alone"
    );
    assert_eq!(io.queued(), 18);
    source.let_go(Ok(usize::MAX));
    assert_eq!(source.started().len(), 2, "the queue moves without a poll");
    assert_eq!(source.started()[1], b"two three four");
    assert_eq!(counter.count(), 0, "nobody waits, nobody is woken");
    source.let_go(Ok(usize::MAX));
    assert_eq!(io.queued(), 0);
    ready(flush(&mut io, &counter)).unwrap();
}

#[test]
fn a_vectored_write_is_gathered_into_one_send() {
    let (source, mut io, counter) = gated();
    let waker = Waker::from(counter);
    let parts = [
        io::IoSlice::new(b"head"),
        io::IoSlice::new(b""),
        io::IoSlice::new(b"body"),
    ];
    assert!(AsyncWrite::is_write_vectored(&io));
    let n = ready(Pin::new(&mut io).poll_write_vectored(&mut Context::from_waker(&waker), &parts))
        .unwrap();
    assert_eq!(n, 8);
    assert_eq!(source.started(), [b"headbody".to_vec()]);
}

#[test]
fn flush_waits_for_the_last_byte_and_is_woken_once() {
    let (source, mut io, counter) = gated();
    ready(write(&mut io, b"one", &counter)).unwrap();
    ready(write(&mut io, b"two", &counter)).unwrap();
    assert!(flush(&mut io, &counter).is_pending());
    source.let_go(Ok(usize::MAX));
    assert_eq!(counter.count(), 0, "half of it is not all of it");
    assert!(flush(&mut io, &counter).is_pending());
    source.let_go(Ok(usize::MAX));
    assert_eq!(counter.count(), 1);
    ready(flush(&mut io, &counter)).unwrap();
}

#[test]
fn a_short_send_is_gone_on_with_before_anything_newer() {
    let (source, mut io, counter) = gated();
    ready(write(&mut io, b"0123456789", &counter)).unwrap();
    ready(write(&mut io, b"later", &counter)).unwrap();
    source.let_go(Ok(4));
    source.let_go(Ok(5));
    source.let_go(Ok(usize::MAX));
    assert_eq!(
        source.started(),
        [&b"0123456789"[..], b"456789", b"9", b"later"]
    );
}

#[test]
fn the_queue_is_bounded_and_room_wakes_the_writer() {
    let source = Gated::default();
    let limits = Limits {
        write_max: 8,
        ..Limits::default()
    };
    let mut io = PollIo::with_limits(source.clone(), limits);
    let counter = Arc::new(Counter::default());
    assert_eq!(
        ready(write(&mut io, b"0123456789", &counter)).unwrap(),
        8,
        "a write may be short"
    );
    assert_eq!(ready(write(&mut io, b"abcdefghij", &counter)).unwrap(), 8);
    assert!(write(&mut io, b"no room", &counter).is_pending());
    assert_eq!(counter.count(), 0);
    source.let_go(Ok(usize::MAX));
    assert_eq!(counter.count(), 1, "the queue went out, so there is room");
    assert_eq!(ready(write(&mut io, b"room", &counter)).unwrap(), 4);
}

#[test]
fn a_failed_send_is_reported_once_by_the_next_write() {
    let (source, mut io, counter) = gated();
    ready(write(&mut io, b"lost", &counter)).unwrap();
    ready(write(&mut io, b"lost too", &counter)).unwrap();
    source.let_go(Err(reset()));
    assert_eq!(
        ready(write(&mut io, b"next", &counter)).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    ready(flush(&mut io, &counter)).expect("reported once");
    ready(write(&mut io, b"next", &counter)).expect("reported once");
    assert_eq!(
        source.started(),
        [&b"lost"[..], b"next"],
        "what stood behind the failed send was not sent"
    );
}

#[test]
fn a_failed_send_is_reported_once_by_the_next_flush_or_shutdown() {
    let (source, mut io, counter) = gated();
    ready(write(&mut io, b"lost", &counter)).unwrap();
    assert!(flush(&mut io, &counter).is_pending());
    source.let_go(Err(reset()));
    assert_eq!(counter.count(), 1);
    assert_eq!(
        ready(flush(&mut io, &counter)).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    ready(flush(&mut io, &counter)).expect("reported once");

    ready(write(&mut io, b"lost", &counter)).unwrap();
    assert!(shutdown(&mut io, &counter).is_pending());
    source.let_go(Err(reset()));
    assert_eq!(
        ready(shutdown(&mut io, &counter)).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    assert!(!source.ended());
    ready(shutdown(&mut io, &counter)).expect("reported once");
    assert!(source.ended());
}

#[test]
fn a_send_that_takes_nothing_is_write_zero() {
    let (source, mut io, counter) = gated();
    ready(write(&mut io, b"bytes", &counter)).unwrap();
    source.let_go(Ok(0));
    assert_eq!(
        ready(flush(&mut io, &counter)).unwrap_err().kind(),
        io::ErrorKind::WriteZero
    );
}

#[test]
fn shutdown_flushes_then_ends_and_later_writes_are_refused() {
    let (source, mut io, counter) = gated();
    ready(write(&mut io, b"bytes", &counter)).unwrap();
    assert!(shutdown(&mut io, &counter).is_pending());
    assert!(!source.ended(), "not before the last byte");
    source.let_go(Ok(usize::MAX));
    ready(shutdown(&mut io, &counter)).unwrap();
    assert!(source.ended());
    ready(shutdown(&mut io, &counter)).expect("again is fine");
    assert_eq!(
        ready(write(&mut io, b"x", &counter)).unwrap_err().kind(),
        io::ErrorKind::BrokenPipe
    );
}

#[test]
fn what_was_accepted_is_sent_after_the_drop() {
    let (source, mut io, counter) = gated();
    ready(write(&mut io, b"one", &counter)).unwrap();
    ready(write(&mut io, b"two", &counter)).unwrap();
    drop(io);
    source.let_go(Ok(1));
    source.let_go(Ok(usize::MAX));
    source.let_go(Ok(usize::MAX));
    assert_eq!(source.started(), [&b"one"[..], b"ne", b"two"]);
}

#[test]
fn into_inner_hands_the_queue_over_before_later_writes() {
    block_on(async {
        let (near, mut far) = duplex(4);
        let mut io = PollIo::new(near);
        io.write_all(b"first, in pieces; ").await.unwrap();
        io.write_all(b"second; ").await.unwrap();
        assert!(io.queued() > 0);
        let (mut near, unread) = io.into_inner();
        assert!(unread.is_empty());
        let write = async {
            ringmesh_io::AsyncWriteExt::write_all(&mut near, "third")
                .await
                .unwrap();
            near.close();
        };
        let (text, ()) = zip(far.read_to_string(), write).await;
        assert_eq!(text.unwrap(), "first, in pieces; second; third");
    });
}

#[test]
fn a_write_that_keeps_waking_itself_neither_spins_for_ever_nor_stops() {
    let (source, mut io, counter) = gated();
    source.set_restless(10_000);
    ready(write(&mut io, b"bytes", &counter)).unwrap();
    assert_eq!(counter.count(), 1, "the task is asked to poll again");
    source.let_go(Ok(usize::MAX));
    let mut polls = 0;
    while flush(&mut io, &counter).is_pending() {
        polls += 1;
        assert!(polls < 10_000, "it never ends");
    }
    assert!(polls > 10, "each poll was bounded");
}

#[test]
fn a_write_that_panics_has_failed_and_leaves_nobody_waiting() {
    let (source, mut io, counter) = gated();
    source.panic_once();
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = write(&mut io, b"bytes", &counter);
    }));
    assert!(panic.is_err());
    assert_eq!(
        ready(flush(&mut io, &counter)).unwrap_err().kind(),
        io::ErrorKind::Other
    );
    ready(write(&mut io, b"again", &counter)).unwrap();
    source.let_go(Ok(usize::MAX));
    ready(flush(&mut io, &counter)).unwrap();
}

#[test]
fn one_read_is_under_way_and_belongs_to_no_poll() {
    let (source, mut io, counter) = gated();
    let waker = Waker::from(counter.clone());
    let mut cx = Context::from_waker(&waker);
    for size in [64, 8, 1] {
        let mut small = vec![0; size];
        assert!(
            Pin::new(&mut io)
                .poll_read(&mut cx, &mut ReadBuf::new(&mut small))
                .is_pending()
        );
    }
    assert_eq!(source.reads().0, 1);
    source.arrive(Ok(b"0123456789".to_vec()));
    assert_eq!(counter.count(), 1);
    let mut got = Vec::new();
    for size in [3, 1, 4, 100] {
        let mut small = vec![0; size];
        let mut buf = ReadBuf::new(&mut small);
        ready(Pin::new(&mut io).poll_read(&mut cx, &mut buf)).unwrap();
        got.extend_from_slice(buf.filled());
    }
    assert_eq!(got, b"0123456789");
    assert_eq!(
        source.reads().0,
        1,
        "nothing is read before it is asked for"
    );
}

#[test]
fn reads_grow_with_a_body_and_shrink_again() {
    let (source, mut io, counter) = gated();
    let waker = Waker::from(counter);
    let mut cx = Context::from_waker(&waker);
    source.arrive(Ok(vec![7; 1_000_000]));
    let mut total = 0;
    while total < 1_000_000 {
        let n = ready(Pin::new(&mut io).poll_fill_buf(&mut cx))
            .unwrap()
            .len();
        Pin::new(&mut io).consume(n);
        total += n;
    }
    assert_eq!(source.reads().1, 64 * 1024);
    assert!(source.reads().0 < 20);
    for _ in 0..100 {
        source.arrive(Ok(b"small".to_vec()));
        let n = ready(Pin::new(&mut io).poll_fill_buf(&mut cx))
            .unwrap()
            .len();
        Pin::new(&mut io).consume(n);
    }
    let mut buf = [0; 1];
    assert!(
        Pin::new(&mut io)
            .poll_read(&mut cx, &mut ReadBuf::new(&mut buf))
            .is_pending()
    );
    source.arrive(Ok(vec![7; 1_000_000]));
    assert_eq!(
        ready(Pin::new(&mut io).poll_fill_buf(&mut cx))
            .unwrap()
            .len(),
        8 * 1024,
        "small again when quiet"
    );
}

#[test]
fn a_read_error_is_reported_and_the_stream_goes_on() {
    let (source, mut io, _) = gated();
    source.arrive(Err(reset()));
    source.arrive(Ok(Vec::new()));
    block_on(async {
        assert_eq!(
            io.read_u8().await.unwrap_err().kind(),
            io::ErrorKind::ConnectionReset
        );
        assert_eq!(io.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(io.read(&mut []).await.unwrap(), 0, "nothing was asked for");
    });
}

#[test]
fn into_inner_gives_the_unread_bytes() {
    block_on(async {
        let (near, mut far) = duplex(64);
        far.write_all("0123456789").await.unwrap();
        let mut io = PollIo::new(near);
        let mut four = [0; 4];
        io.read_exact(&mut four).await.unwrap();
        assert_eq!(io.read_ahead(), b"456789");
        let (mut near, unread) = io.into_inner();
        assert_eq!(unread, b"456789");
        far.write_all("abc").await.unwrap();
        assert_eq!(near.read_exact(vec![0; 3], 3).await.unwrap().1, b"abc");
    });
}

/// Two `PollIo`s over a narrow pipe, polled in random order: random sizes, polls that are dropped half-way, flushes,
/// unwrapping and wrapping again. Every byte arrives once, in order.
#[test]
fn no_byte_is_lost_whatever_is_dropped_or_repeated() {
    for seed in 0..400 {
        torture(seed);
    }
}

fn torture(seed: u64) {
    let mut rng = Rng::new(seed);
    let (near, far) = duplex(1 + rng.below(200));
    let limits = Limits {
        read_min: 1 + rng.below(50),
        read_max: 1 + rng.below(300),
        write_max: 1 + rng.below(300),
    };
    let mut writer = PollIo::with_limits(near, limits);
    let mut reader = PollIo::with_limits(far, limits);
    let data = pattern(rng.below(8_000), seed);
    let (mut written, mut got, mut ended) = (0, Vec::new(), false);
    let mut cx = Context::from_waker(Waker::noop());
    let mut turns = 0;
    while !ended {
        turns += 1;
        assert!(
            turns < 1_000_000,
            "seed {seed}: no progress, {} of {} bytes came",
            got.len(),
            data.len()
        );
        match rng.below(10) {
            0..=3 if written < data.len() => {
                let n = (1 + rng.below(400)).min(data.len() - written);
                if let Poll::Ready(n) =
                    Pin::new(&mut writer).poll_write(&mut cx, &data[written..written + n])
                {
                    written += n.unwrap();
                }
            }
            0..=3 => {
                let _ = Pin::new(&mut writer)
                    .poll_shutdown(&mut cx)
                    .map(Result::unwrap);
            }
            4 => {
                let _ = Pin::new(&mut writer)
                    .poll_flush(&mut cx)
                    .map(Result::unwrap);
            }
            5 if rng.below(20) == 0 => {
                let (stream, unread) = reader.into_inner();
                got.extend(unread);
                reader = PollIo::with_limits(stream, limits);
            }
            6 => {
                // A future over the poll, polled at most once and dropped.
                let mut small = vec![0; rng.below(20)];
                let mut read = std::pin::pin!(reader.read(&mut small));
                if let Poll::Ready(n) = read.as_mut().poll(&mut cx) {
                    let n = n.unwrap();
                    got.extend_from_slice(&small[..n]);
                }
            }
            _ => {
                let mut small = vec![0; 1 + rng.below(100)];
                let mut buf = ReadBuf::new(&mut small);
                if let Poll::Ready(result) = Pin::new(&mut reader).poll_read(&mut cx, &mut buf) {
                    result.unwrap();
                    ended = buf.filled().is_empty();
                    got.extend_from_slice(buf.filled());
                }
            }
        }
    }
    assert!(
        got == data,
        "seed {seed}: what came is not what was written"
    );
}

#[test]
fn threads_on_both_sides_lose_no_wake() {
    for seed in 0..20 {
        let (near, far) = duplex(64);
        let limits = Limits {
            read_min: 16,
            read_max: 64,
            write_max: 100,
        };
        let data = pattern(200_000, seed);
        let expected = data.clone();
        let sender = std::thread::spawn(move || {
            block_on(async {
                let mut io = PollIo::with_limits(near, limits);
                for part in data.chunks(77) {
                    io.write_all(part).await.unwrap();
                }
                io.shutdown().await.unwrap();
            });
        });
        let got = block_on(async {
            let mut io = PollIo::with_limits(far, limits);
            let mut got = Vec::new();
            io.read_to_end(&mut got).await.unwrap();
            got
        });
        sender.join().unwrap();
        assert!(got == expected, "seed {seed}");
    }
}

#[test]
fn tokios_and_futures_copies_work_over_it() {
    block_on(async {
        let data = pattern(300_000, 3);
        let (a, b) = duplex(1_000);
        let (c, d) = duplex(1_000);
        let (mut a, mut b, mut c, mut d) = (
            PollIo::new(a),
            PollIo::new(b),
            PollIo::new(c),
            PollIo::new(d),
        );
        let send = async {
            tokio::io::copy(&mut data.as_slice(), &mut a).await.unwrap();
            a.shutdown().await.unwrap();
        };
        let forward = async {
            assert_eq!(
                tokio::io::copy_buf(&mut b, &mut c).await.unwrap(),
                data.len() as u64
            );
            c.shutdown().await.unwrap();
        };
        let receive = async {
            let mut got = Vec::new();
            assert_eq!(
                futures_util::io::copy(&mut d, &mut got).await.unwrap(),
                data.len() as u64
            );
            assert!(got == data);
        };
        zip(zip(send, forward), receive).await;

        let (near, far) = duplex(16);
        let (mut near, mut far) = (PollIo::new(near), PollIo::new(far));
        let close = async {
            use futures_util::io::AsyncWriteExt;
            futures_util::io::copy(&data[..1_000], &mut near)
                .await
                .unwrap();
            AsyncWriteExt::close(&mut near).await.unwrap();
        };
        let read = async {
            use futures_util::io::AsyncReadExt;
            let mut got = Vec::new();
            AsyncReadExt::read_to_end(&mut far, &mut got).await.unwrap();
            assert!(got == data[..1_000]);
        };
        zip(close, read).await;
    });
}

const _: () = {
    const fn send_sync_unpin<T: Send + Sync + Unpin>() {}
    send_sync_unpin::<PollIo<Duplex>>();
};
