//! Unix-domain sockets keep the same promises.

#[path = "kit/kit.rs"]
mod kit;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream as StdStream};

use kit::{pattern, poll_now, run, unhung};
use ringmesh_net::{UnixListener, UnixStream};
use ringmesh_sched::{spawn, yield_now};

#[test]
fn a_listener_serves_its_path() {
    run(2, async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(&*path));
        let server = spawn(async move {
            let mut incoming = listener.incoming();
            for _ in 0..50 {
                let (stream, peer) = incoming.next().await.unwrap().unwrap();
                assert!(peer.is_unnamed());
                spawn(async move {
                    while let Some(lease) = stream.recv().await.unwrap() {
                        stream.write_all(lease.to_vec()).await.unwrap();
                    }
                });
            }
        });
        let data = pattern(100_000);
        for _ in 0..50 {
            let client = unhung(UnixStream::connect(&path)).await.unwrap();
            assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
            let (reader, sent) = (client.clone(), data.clone());
            let echo = spawn(async move {
                let n = sent.len();
                let ((), back) = reader.read_exact(Vec::with_capacity(n), n).await.unwrap();
                assert!(back == sent);
                assert_eq!(reader.read(vec![0; 1]).await.unwrap().0, 0);
            });
            client.write_all(data.clone()).await.unwrap();
            client.shutdown(Shutdown::Write).await.unwrap();
            unhung(echo).await.unwrap();
        }
        unhung(server).await.unwrap();
    });
}

#[test]
fn a_dropped_accepts_connection_comes_from_the_next_accept() {
    run(1, async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        for round in 0..50u8 {
            let mut accept = listener.accept();
            assert!(poll_now(&mut accept).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            let mut client = StdStream::connect(&path).unwrap();
            client.write_all(&[round]).unwrap();
            drop(accept);
            let (stream, _) = unhung(listener.accept()).await.unwrap();
            assert_eq!(unhung(stream.read([0; 1])).await.unwrap().1, [round]);
        }
    });
}

#[test]
fn pairs_lose_no_byte_of_dropped_reads() {
    run(1, async {
        let (a, b) = UnixStream::pair().unwrap();
        for round in 0..100u8 {
            let mut read = b.read(vec![0; 4]);
            assert!(poll_now(&mut read).await.is_none());
            for _ in 0..round % 4 {
                yield_now().await;
            }
            a.write_all([round; 8]).await.unwrap();
            drop(read);
            let ((), buf) = unhung(b.read_exact([0; 8], 8)).await.unwrap();
            assert_eq!(buf, [round; 8]);
        }
        drop(a);
        assert_eq!(unhung(b.read(vec![0; 1])).await.unwrap().0, 0);
    });
}

#[test]
fn errors_name_the_path() {
    run(1, async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let error = unhung(UnixStream::connect(&path)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("socket"), "{error}");
        let _listener = UnixListener::bind(&path).unwrap();
        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains("socket"), "{error}");
        for bad in ["a\0b", "\0abstract", "", &"x".repeat(200)] {
            assert_eq!(
                UnixListener::bind(bad).unwrap_err().kind(),
                ErrorKind::InvalidInput,
                "{bad:?}"
            );
            let error = UnixStream::connect(bad).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
    });
}

#[test]
fn abstract_names_work() {
    run(1, async {
        let name = format!("ringmesh-test-{}", std::process::id());
        let addr = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        assert_eq!(
            listener.local_addr().unwrap().as_abstract_name(),
            Some(name.as_bytes())
        );
        let client = unhung(UnixStream::connect_addr(&addr)).await.unwrap();
        let (server, _) = unhung(listener.accept()).await.unwrap();
        server.write_all("abstract").await.unwrap();
        let ((), buf) = unhung(client.read_exact(vec![0; 8], 8)).await.unwrap();
        assert_eq!(buf, b"abstract");
    });
}

#[test]
fn into_std_and_back() {
    run(1, async {
        let (a, b) = UnixStream::pair().unwrap();
        let mut plain = a.into_std().expect("quiet");
        b.write_all("to std").await.unwrap();
        let mut buf = [0; 6];
        plain.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"to std");
        let a = UnixStream::from_std(plain).unwrap();
        let clone = a.clone();
        let busy = a.into_std().expect_err("a clone exists");
        assert_eq!(busy.error().kind(), ErrorKind::ResourceBusy);
        drop((clone, busy));
        assert_eq!(unhung(b.read(vec![0; 1])).await.unwrap().0, 0);
    });
}
