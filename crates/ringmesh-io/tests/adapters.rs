//! The traits' provided methods and the adapters, over the in-memory pipe: no runtime, no kernel.

#[path = "support/seeded.rs"]
mod support;

use std::io;

use futures_lite::future::{block_on, zip};
use ringmesh_io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadAtExt, AsyncReadExt, AsyncWrite,
    AsyncWriteExt, BufReader, BufWriter, Duplex, copy, copy_bidirectional, duplex, empty, sink,
};
use support::{Rng, pattern};

#[test]
fn read_fills_from_the_start_and_leaves_len_n() {
    block_on(async {
        let (mut near, mut far) = duplex(64);
        near.write_all("abc").await.unwrap();
        let (n, buf) = far.read(vec![9_u8; 16]).await.unwrap();
        assert_eq!((n, buf.as_slice()), (3, &b"abc"[..]));
        near.write_all("de").await.unwrap();
        let (n, buf) = far.read(buf).await.unwrap();
        assert_eq!(
            (n, buf.as_slice()),
            (2, &b"de"[..]),
            "the same buffer, reused"
        );
        near.write_all("fg").await.unwrap();
        let (n, buf) = far.read_append(buf).await.unwrap();
        assert_eq!((n, buf.as_slice()), (2, &b"defg"[..]));
    });
}

#[test]
fn a_buffer_without_room_is_invalid_input_never_eof() {
    block_on(async {
        let (_near, mut far) = duplex(64);
        let e = far.read(Vec::new()).await.unwrap_err();
        assert_eq!(e.error().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(
            AsyncRead::read(&mut &b""[..], Vec::new())
                .await
                .unwrap_err()
                .error()
                .kind(),
            io::ErrorKind::InvalidInput
        );
        let e = far.read_exact(vec![0; 4], 5).await.unwrap_err();
        assert_eq!(e.error().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(e.buf().len(), 4, "the buffer comes back with the error");
    });
}

#[test]
fn read_exact_loops_and_says_how_far_it_came() {
    block_on(async {
        let (mut near, mut far) = duplex(3);
        let write = async {
            near.write_all("0123456789").await.unwrap();
            near.shutdown().await.unwrap();
        };
        let read = async {
            let ((), buf) = far.read_exact(Vec::with_capacity(8), 8).await.unwrap();
            assert_eq!(buf, b"01234567");
            let e = far.read_exact([0; 4], 4).await.unwrap_err();
            assert_eq!(e.error().kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(e.progress(), 2);
            assert_eq!(&e.buf()[..2], b"89");
        };
        zip(write, read).await;
    });
}

#[test]
fn write_all_says_how_far_it_came() {
    block_on(async {
        let (mut near, far) = duplex(4);
        let write = async {
            let e = near.write_all("0123456789").await.unwrap_err();
            assert_eq!(e.error().kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(e.progress(), 8);
            assert_eq!(*e.buf(), "0123456789");
        };
        let read = async move {
            let mut far = far;
            far.read_exact(vec![0; 4], 4).await.unwrap();
            // Lets the writer fill the pipe once more, then leaves.
            futures_lite::future::yield_now().await;
        };
        zip(write, read).await;
    });
}

#[test]
fn take_and_chain() {
    block_on(async {
        let mut both = (&b"hello "[..]).chain((&b"wonderful world"[..]).take(9));
        assert_eq!(both.read_to_string().await.unwrap(), "hello wonderful");
        let (_, rest) = both.into_inner();
        assert_eq!(rest.limit(), 0);
        assert_eq!(rest.into_inner(), b" world");
        assert_eq!(empty().read_to_string().await.unwrap(), "");
    });
}

#[test]
fn copying_keeps_every_byte_for_any_chunking() {
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let data = pattern(rng.below(100_000), seed);
        let (mut near, mut far) = duplex(1 + rng.below(5_000));
        let mut out = BufWriter::with_capacity(1 + rng.below(300), Vec::new());
        block_on(async {
            let send = async {
                let mut rest = data.as_slice();
                while !rest.is_empty() {
                    let n = (1 + rng.below(3_000)).min(rest.len());
                    near.write_all(rest[..n].to_vec()).await.unwrap();
                    rest = &rest[n..];
                }
                near.shutdown().await.unwrap();
            };
            let receive = async {
                let mut reader = BufReader::with_capacity(100, &mut far);
                assert_eq!(
                    copy(&mut reader, &mut out).await.unwrap(),
                    data.len() as u64
                );
            };
            zip(send, receive).await;
        });
        assert!(out.buffer().is_empty(), "copy flushes");
        assert_eq!(out.get_ref(), &data, "seed {seed}");
    }
}

#[test]
fn lines_of_any_length_and_ending() {
    block_on(async {
        let (mut near, far) = duplex(5);
        let write = async {
            near.write_all("short\na line longer than the pipe\r\n\nlast")
                .await
                .unwrap();
            near.shutdown().await.unwrap();
        };
        let read = async {
            let mut lines = BufReader::with_capacity(3, far).lines();
            let mut all = Vec::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                all.push(line);
            }
            assert_eq!(all, ["short", "a line longer than the pipe", "", "last"]);
            assert_eq!(
                lines.next_line().await.unwrap(),
                None,
                "and it stays at the end"
            );
        };
        zip(write, read).await;
    });
}

#[test]
fn a_line_that_never_ends_is_refused() {
    block_on(async {
        let mut lines = (&b"0123456789\n"[..]).lines().max_len(8);
        assert_eq!(
            lines.next_line().await.unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
        let mut lines = (&b"01234567\n"[..]).lines().max_len(8);
        assert_eq!(
            lines.next_line().await.unwrap().as_deref(),
            Some("01234567")
        );
    });
}

#[test]
fn read_until_and_read_line_take_no_more_than_they_return() {
    block_on(async {
        let mut reader = BufReader::new(&b"key=value\nrest"[..]);
        let mut key = Vec::new();
        assert_eq!(reader.read_until(b'=', &mut key).await.unwrap(), 4);
        let mut value = String::new();
        assert_eq!(reader.read_line(&mut value).await.unwrap(), 6);
        assert_eq!((key.as_slice(), value.as_str()), (&b"key="[..], "value\n"));
        assert_eq!(reader.fill_buf().await.unwrap(), b"rest");
        let mut pieces = BufReader::new(&b"a,b,,c"[..]).split_on(b',');
        let mut all = Vec::new();
        while let Some(piece) = pieces.next_piece().await.unwrap() {
            all.push(piece);
        }
        assert_eq!(all, [&b"a"[..], b"b", b"", b"c"]);
    });
}

#[test]
fn a_line_read_in_part_survives_its_dropped_future() {
    block_on(async {
        let (mut near, far) = duplex(64);
        let mut lines = BufReader::new(far).lines();
        near.write_all("first ha").await.unwrap();
        assert!(
            futures_lite::future::poll_once(lines.next_line())
                .await
                .is_none()
        );
        near.write_all("lf\n").await.unwrap();
        assert_eq!(
            lines.next_line().await.unwrap().as_deref(),
            Some("first half")
        );
    });
}

#[test]
fn a_writer_whose_flush_was_dropped_says_so_instead_of_tearing_the_stream() {
    block_on(async {
        let (near, _far) = duplex(4);
        let mut writer = BufWriter::with_capacity(8, near);
        writer.write("012345").await.unwrap();
        assert!(
            futures_lite::future::poll_once(writer.flush())
                .await
                .is_none()
        );
        assert_eq!(
            writer.flush().await.unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
        assert_eq!(
            writer.write("x").await.unwrap_err().error().kind(),
            io::ErrorKind::BrokenPipe
        );
    });
}

#[test]
fn both_directions_are_copied_and_half_closes_go_through() {
    block_on(async {
        let (mut client, proxy_in) = duplex(16);
        let (proxy_out, mut server) = duplex(16);
        let proxy = async { copy_bidirectional(proxy_in, proxy_out).await.unwrap() };
        let ask = async {
            client
                .write_all("a question that is longer than the pipe")
                .await
                .unwrap();
            client.shutdown().await.unwrap();
            client.read_to_string().await.unwrap()
        };
        let answer = async {
            let question = server.read_to_string().await.unwrap();
            server.write_all(question.to_uppercase()).await.unwrap();
            server.shutdown().await.unwrap();
        };
        let ((counts, answer), ()) = zip(zip(proxy, ask), answer).await;
        assert_eq!(counts, (39, 39));
        assert_eq!(answer, "A QUESTION THAT IS LONGER THAN THE PIPE");
    });
}

#[test]
fn positions_need_no_cursor() {
    block_on(async {
        let data = pattern(1_000, 1);
        let (_, part) = data[..].read_exact_at(vec![0; 10], 10, 500).await.unwrap();
        assert_eq!(part, data[500..510]);
        let (n, tail) = data[..]
            .read_to_end_at(b"head".to_vec(), 990)
            .await
            .unwrap();
        assert_eq!(n, 10);
        assert_eq!(&tail[4..], &data[990..]);
        let e = data[..]
            .read_exact_at(vec![0; 10], 10, 995)
            .await
            .unwrap_err();
        assert_eq!(
            (e.error().kind(), e.progress()),
            (io::ErrorKind::UnexpectedEof, 5)
        );
        assert_eq!(sink().write("gone").await.unwrap().0, 4);
    });
}

#[test]
fn a_dropped_read_of_the_pipe_takes_nothing_and_waiters_are_served_in_order() {
    block_on(async {
        let (near, far) = duplex(2);
        let mut first = far.read_owned(vec![0; 8]);
        let mut second = far.read_owned(vec![0; 8]);
        assert!(futures_lite::future::poll_once(&mut first).await.is_none());
        assert!(futures_lite::future::poll_once(&mut second).await.is_none());
        near.write_owned("ab").await.unwrap();
        assert!(
            futures_lite::future::poll_once(&mut second).await.is_none(),
            "the first in line is served first"
        );
        drop(first);
        assert_eq!(second.await.unwrap().1, b"ab");

        near.write_owned("cd").await.unwrap();
        let mut blocked = near.write_owned("never");
        assert!(
            futures_lite::future::poll_once(&mut blocked)
                .await
                .is_none()
        );
        drop(blocked);
        assert_eq!(far.read_owned(vec![0; 8]).await.unwrap().1, b"cd");
        drop(near);
        assert_eq!(far.read_owned(vec![0; 8]).await.unwrap().0, 0);
    });
}

const _: () = {
    const fn send_sync_unpin<T: Send + Sync + Unpin>() {}
    send_sync_unpin::<Duplex>();
    send_sync_unpin::<ringmesh_io::DuplexRead<Vec<u8>>>();
    send_sync_unpin::<ringmesh_io::DuplexWrite<Vec<u8>>>();
    send_sync_unpin::<BufReader<Duplex>>();
    send_sync_unpin::<BufWriter<Duplex>>();
};
