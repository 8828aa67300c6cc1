//! A multi-threaded tokio program whose workers await ringmesh ops. Installs a process default: a file of its own.

use std::time::Duration;

use ringmesh::io::PollIo;
use ringmesh::net::{TcpListener, TcpStream, UnixStream};
use ringmesh::{Builder, fs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[test]
fn every_tokio_worker_can_await_ops_of_an_installed_runtime() {
    let mesh = Builder::new().shards(2).build().unwrap();
    mesh.install();
    let directory = tempfile::tempdir().unwrap();
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_time()
        .build()
        .unwrap();
    tokio.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let mut incoming = listener.incoming();
            while let Some((stream, _)) = incoming.next().await.unwrap() {
                tokio::spawn(async move {
                    let mut buf = Vec::with_capacity(4096);
                    loop {
                        let (n, full) = stream.read(buf).await.unwrap();
                        if n == 0 {
                            break;
                        }
                        let ((), back) = stream.write_all(full).await.unwrap();
                        buf = back;
                    }
                });
            }
        });
        let mut tasks = tokio::task::JoinSet::new();
        for n in 0..50_usize {
            let path = directory.path().join(n.to_string());
            tasks.spawn(async move {
                let stream = TcpStream::connect(address).await.unwrap();
                for round in 0..20 {
                    let text = format!("{n} in round {round}");
                    fs::write(&path, text.clone()).await.unwrap();
                    stream
                        .write_all(fs::read(&path).await.unwrap())
                        .await
                        .unwrap();
                    let ((), echo) = stream
                        .read_exact(Vec::with_capacity(100), text.len())
                        .await
                        .unwrap();
                    assert_eq!(echo, text.as_bytes());
                    // tokio's timer around our op, which is dropped in flight and loses nothing.
                    let wait =
                        tokio::time::timeout(Duration::from_micros(200), stream.read(vec![0; 10]));
                    assert!(wait.await.is_err(), "nothing was sent");
                }
            });
        }
        let all = async { while tasks.join_next().await.transpose().unwrap().is_some() {} };
        tokio::time::timeout(Duration::from_secs(120), all)
            .await
            .expect("it hangs");
        server.abort();
        tokio::time::timeout(Duration::from_secs(60), bridges())
            .await
            .expect("it hangs");
    });
    drop(tokio);
    let report = mesh.shutdown(Duration::from_secs(30));
    assert_eq!(report.leaked_ops, 0);
}

/// `PollIo` between tasks on tokio's workers: its sends are driven by the shards, its readers by tokio.
async fn bridges() {
    let (near, far) = UnixStream::pair().unwrap();
    let echo = tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(PollIo::new(far));
        let n = tokio::io::copy(&mut read, &mut write).await.unwrap();
        write.shutdown().await.unwrap();
        n
    });
    let (mut read, mut write) = tokio::io::split(PollIo::new(near));
    let writer = tokio::spawn(async move {
        for n in 0..500_u32 {
            write.write_all(&[n as u8; 2_000]).await.unwrap();
        }
        write.shutdown().await.unwrap();
    });
    let mut got = Vec::new();
    read.read_to_end(&mut got).await.unwrap();
    assert_eq!(got.len(), 1_000_000);
    assert!(
        got.chunks(2_000)
            .enumerate()
            .all(|(n, part)| part.iter().all(|b| *b == n as u8))
    );
    writer.await.unwrap();
    assert_eq!(echo.await.unwrap(), 1_000_000);
}
