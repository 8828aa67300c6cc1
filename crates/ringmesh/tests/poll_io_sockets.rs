//! `PollIo` on real sockets, with tokio's and futures' helpers and no tokio runtime.

use std::io;
use std::time::Duration;

use ringmesh::io::PollIo;
use ringmesh::net::{TcpListener, TcpStream, UnixStream};
use ringmesh::time;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (far, _) = listener.accept().await.unwrap();
    (near, far)
}

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i % 251) as u8).collect()
}

async fn soon<F: Future>(future: F) -> F::Output {
    time::timeout(Duration::from_secs(60), future)
        .await
        .expect("it hangs")
}

#[ringmesh::test(shards = 2)]
async fn shutdown_sends_what_is_queued_then_fin() {
    let (near, far) = tcp_pair().await;
    let data = pattern(2_000_000);
    let copy = data.clone();
    let writer = ringmesh::spawn(async move {
        let mut io = PollIo::new(near);
        io.write_all(&copy).await.unwrap();
        io.shutdown().await.unwrap();
        let mut answer = String::new();
        io.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let mut got = Vec::new();
    loop {
        let (n, part) = soon(far.read(Vec::with_capacity(50_000))).await.unwrap();
        if n == 0 {
            break;
        }
        got.extend(part);
    }
    assert!(got == data);
    far.write_all("still open this way").await.unwrap();
    drop(far);
    assert_eq!(soon(writer).await.unwrap(), "still open this way");
}

#[ringmesh::test(shards = 2)]
async fn what_was_accepted_arrives_though_the_bridge_is_dropped() {
    let (near, far) = tcp_pair().await;
    let mut io = PollIo::new(near);
    io.write_all(&pattern(100_000)).await.unwrap();
    io.write_all(b"the end").await.unwrap();
    drop(io);
    let mut far = PollIo::new(far);
    let mut got = Vec::new();
    soon(far.read_to_end(&mut got)).await.unwrap();
    assert_eq!(got.len(), 100_007);
    assert!(got[..100_000] == pattern(100_000));
    assert!(got.ends_with(b"the end"));
}

#[ringmesh::test(shards = 2)]
async fn a_writer_that_never_flushes_and_waits_elsewhere_is_served() {
    let (near, far) = tcp_pair().await;
    let (done, wait) = ringmesh::sync::oneshot::channel::<()>();
    let writer = ringmesh::spawn(async move {
        let mut io = PollIo::new(near);
        for _ in 0..100 {
            io.write_all(&[7; 1_000]).await.unwrap();
        }
        // Polls nothing of `io` from here on, as a task does that waits for its next message.
        wait.await.unwrap();
    });
    let ((), got) = soon(ringmesh::io::AsyncReadExt::read_exact(
        &mut &far,
        vec![0; 100_000],
        100_000,
    ))
    .await
    .unwrap();
    assert!(got.iter().all(|b| *b == 7));
    done.send(()).unwrap();
    writer.await.unwrap();
}

#[ringmesh::test]
async fn a_reset_is_reported_once_by_write_or_flush() {
    let (near, far) = tcp_pair().await;
    far.set_linger(Some(Duration::ZERO)).unwrap();
    drop(far);
    let mut io = PollIo::new(near);
    let mut errors = 0;
    let reset = soon(async {
        loop {
            // The first writes may still be taken: the reset is on its way.
            let result = match io.write_all(b"into the void").await {
                Ok(()) => io.flush().await,
                Err(e) => Err(e),
            };
            if let Err(e) = result {
                errors += 1;
                break e;
            }
        }
    })
    .await;
    assert_eq!(errors, 1);
    assert!(
        matches!(
            reset.kind(),
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
        ),
        "{reset}"
    );
    soon(io.flush())
        .await
        .expect("nothing is queued, and the error was told");
    assert_eq!(io.queued(), 0);
}

#[ringmesh::test(shards = 2)]
async fn tokios_copy_bidirectional_proxies() {
    let (client, proxy_in) = tcp_pair().await;
    let (proxy_out, server) = UnixStream::pair().unwrap();
    let proxy = ringmesh::spawn(async move {
        let (mut a, mut b) = (PollIo::new(proxy_in), PollIo::new(proxy_out));
        tokio::io::copy_bidirectional(&mut a, &mut b).await.unwrap()
    });
    let echo = ringmesh::spawn(async move {
        let mut io = PollIo::new(server);
        let (mut read, mut write) = tokio::io::split(&mut io);
        tokio::io::copy(&mut read, &mut write).await.unwrap();
        io.shutdown().await.unwrap();
    });
    let data = pattern(1_000_000);
    let mut client = PollIo::new(client);
    let (mut read, mut write) = tokio::io::split(&mut client);
    let send = async {
        write.write_all(&data).await.unwrap();
        write.shutdown().await.unwrap();
    };
    let mut got = Vec::new();
    let receive = async { read.read_to_end(&mut got).await.unwrap() };
    soon(futures_lite::future::zip(send, receive)).await;
    assert!(got == data);
    assert_eq!(soon(proxy).await.unwrap(), (1_000_000, 1_000_000));
    soon(echo).await.unwrap();
}

#[ringmesh::test]
async fn lines_of_a_socket_with_tokios_helpers() {
    let (near, far) = UnixStream::pair().unwrap();
    far.write_all("one\ntwo\nthree").await.unwrap();
    drop(far);
    let mut lines = PollIo::new(near).lines();
    let mut all = Vec::new();
    while let Some(line) = soon(lines.next_line()).await.unwrap() {
        all.push(line);
    }
    assert_eq!(all, ["one", "two", "three"]);
}

/// Reads race timers that are as fast as the bytes, and lose none.
#[ringmesh::test(shards = 2)]
async fn timeouts_around_reads_lose_no_byte() {
    let (near, far) = tcp_pair().await;
    let writer = ringmesh::spawn(async move {
        for n in 0..2_000_u32 {
            far.write_all(n.to_le_bytes().to_vec()).await.unwrap();
            if n % 3 == 0 {
                time::sleep(Duration::from_micros(30)).await;
            }
        }
    });
    let mut io = PollIo::new(near);
    let (mut got, mut turn) = (Vec::new(), 0_u64);
    loop {
        turn += 1;
        let mut buf = vec![0; 1 + (turn % 7) as usize];
        match time::timeout(Duration::from_micros(turn % 50), io.read(&mut buf)).await {
            Err(_) => {}
            Ok(Ok(0)) => break,
            Ok(Ok(n)) => got.extend_from_slice(&buf[..n]),
            Ok(Err(e)) => panic!("{e}"),
        }
        if turn % 100 == 0 {
            let (stream, unread) = io.into_inner();
            got.extend(unread);
            io = PollIo::new(stream);
        }
    }
    writer.await.unwrap();
    let expected: Vec<u8> = (0..2_000_u32).flat_map(u32::to_le_bytes).collect();
    assert!(got == expected);
}

/// Bytes that nobody will ever read keep neither the runtime nor the descriptor.
#[test]
fn a_runtime_ends_though_a_peer_never_reads() {
    let (mut silent, stream) = std::os::unix::net::UnixStream::pair().unwrap();
    let stream = std::cell::Cell::new(Some(stream));
    ringmesh::Builder::new()
        .shards(2)
        .run(async {
            let mut io = PollIo::new(UnixStream::from_std(stream.take().unwrap()).unwrap());
            // More than the kernel takes: a send stays under way, and something behind it.
            let mut full = false;
            while !full {
                let write = io.write_all(&[1; 100_000]);
                full = time::timeout(Duration::from_millis(50), write)
                    .await
                    .is_err();
            }
            assert!(io.queued() > 0);
        })
        .unwrap();
    // What the kernel had taken comes, then the end: the descriptor is closed.
    let n = std::io::copy(&mut silent, &mut io::sink()).unwrap();
    assert!(n > 0);
}
