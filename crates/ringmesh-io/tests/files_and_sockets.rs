//! The traits on the kernel's files and sockets.

use std::net::Shutdown;

use ringmesh_fs::File;
use ringmesh_io::{
    AsyncBufReadExt, AsyncRead, AsyncReadAtExt, AsyncReadExt, AsyncReadVectored, AsyncWrite,
    AsyncWriteAtExt, AsyncWriteExt, AsyncWriteVectored, BufReader, BufWriter, Split, copy,
    copy_bidirectional,
};
use ringmesh_net::{TcpListener, TcpStream, UnixStream};

fn on_a_runtime<T>(future: impl Future<Output = T>) -> T {
    ringmesh_op::Builder::new().shards(2).run(future).unwrap()
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    (near, listener.accept().await.unwrap().0)
}

#[test]
fn a_file_is_sent_and_saved() {
    on_a_runtime(async {
        let directory = tempfile::tempdir().unwrap();
        let data: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
        let source = File::create(directory.path().join("source")).await.unwrap();
        AsyncWriteAtExt::write_all_at(&source, data.clone(), 0)
            .await
            .unwrap();
        let source = File::open(directory.path().join("source")).await.unwrap();

        let (mut near, far) = tcp_pair().await;
        let path = directory.path().join("target");
        let saved = ringmesh_sched::spawn(async move {
            let target = File::create(&path).await.unwrap();
            let mut target = BufWriter::new(target.cursor());
            let n = copy(&mut BufReader::new(far), &mut target).await.unwrap();
            let target = target.into_parts().0.into_inner();
            target.sync_all().await.unwrap();
            (n, File::open(&path).await.unwrap())
        });
        assert_eq!(
            copy(&mut source.cursor(), &mut near).await.unwrap(),
            1_000_000
        );
        near.shutdown(Shutdown::Write).await.unwrap();
        let (n, target) = saved.await.unwrap();
        assert_eq!(n, 1_000_000);
        let (_, all) = AsyncReadAtExt::read_to_end_at(&target, Vec::new(), 0)
            .await
            .unwrap();
        assert!(all == data);
        let ((), part) = AsyncReadAtExt::read_exact_at(&target, vec![0; 100], 100, 5_000)
            .await
            .unwrap();
        assert_eq!(part, data[5_000..5_100]);
    });
}

#[test]
fn lines_and_vectored_writes_over_a_socket() {
    on_a_runtime(async {
        let (near, far) = UnixStream::pair().unwrap();
        let (_, mut near) = near.split_owned();
        let parts = vec![b"one\ntw".to_vec(), b"o\nthr".to_vec(), b"ee".to_vec()];
        let (n, parts) = AsyncWriteVectored::write_vectored(&mut near, parts)
            .await
            .unwrap();
        assert_eq!((n, parts.len()), (13, 3));
        AsyncWrite::shutdown(&mut near).await.unwrap();
        let mut lines = BufReader::with_capacity(4, far).lines();
        for line in ["one", "two", "three"] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(line));
        }
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

#[test]
fn the_halves_of_a_connection_read_and_write_at_once() {
    on_a_runtime(async {
        let (near, far) = tcp_pair().await;
        let echo = ringmesh_sched::spawn(async move {
            let (mut read, mut write) = far.split_owned();
            let n = copy(&mut read, &mut write).await.unwrap();
            AsyncWrite::shutdown(&mut write).await.unwrap();
            n
        });
        let (mut read, mut write) = near.split_owned();
        let send = ringmesh_sched::spawn(async move {
            for n in 0..200_u8 {
                write.write_all(vec![n; 5_000]).await.unwrap();
            }
            AsyncWrite::shutdown(&mut write).await.unwrap();
        });
        let (n, first) = AsyncReadVectored::read_vectored(&mut read, [vec![0; 10], vec![0; 10]])
            .await
            .unwrap();
        assert!(n > 0 && first[0].iter().all(|b| *b == 0));
        let (rest, _) = read.read_to_end(Vec::new()).await.unwrap();
        assert_eq!(n + rest, 1_000_000);
        send.await.unwrap();
        assert_eq!(echo.await.unwrap(), 1_000_000);
    });
}

#[test]
fn a_proxy_between_a_tcp_and_a_unix_socket() {
    on_a_runtime(async {
        let (mut client, proxy_in) = tcp_pair().await;
        let (proxy_out, mut server) = UnixStream::pair().unwrap();
        let proxy = ringmesh_sched::spawn(copy_bidirectional(proxy_in, proxy_out));
        client.write_all("question").await.unwrap();
        AsyncWrite::shutdown(&mut client).await.unwrap();
        assert_eq!(server.read_to_string().await.unwrap(), "question");
        AsyncWriteExt::write_all(&mut server, "answer")
            .await
            .unwrap();
        AsyncWrite::shutdown(&mut server).await.unwrap();
        assert_eq!(client.read_to_string().await.unwrap(), "answer");
        assert_eq!(proxy.await.unwrap().unwrap(), (8, 6));
    });
}

#[test]
fn a_dropped_read_through_the_traits_loses_nothing() {
    on_a_runtime(async {
        let (near, far) = UnixStream::pair().unwrap();
        let mut reader = BufReader::new(near);
        let mut line = Vec::new();
        for n in 0..200_u32 {
            assert!(
                futures_lite::future::poll_once(reader.read_until(b'\n', &mut line))
                    .await
                    .is_none()
            );
            far.write_all(format!("{n}\n")).await.unwrap();
            if n % 2 == 0 {
                // Dropped while its bytes are on their way.
                let _ =
                    futures_lite::future::poll_once(AsyncRead::read(&mut reader, vec![0; 0])).await;
            }
            reader.read_until(b'\n', &mut line).await.unwrap();
            assert_eq!(line, format!("{n}\n").as_bytes());
            line.clear();
        }
    });
}
