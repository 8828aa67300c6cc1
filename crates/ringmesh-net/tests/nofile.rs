//! RLIMIT_NOFILE reached, then relief. Alone in its file: the limit is the process's.

#[path = "kit/kit.rs"]
mod kit;

use std::io::ErrorKind;
use std::net::TcpStream as StdStream;

use kit::{run, unhung};
use ringmesh_net::{TcpListener, TcpStream};
use ringmesh_sched::spawn;

fn limit() -> libc::rlimit {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid place for the answer.
    let done = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    assert_eq!(done, 0);
    limit
}

fn set_limit(descriptors: u64) {
    let limit = libc::rlimit {
        rlim_cur: descriptors,
        ..limit()
    };
    // SAFETY: `limit` is a valid limit, not above the hard one.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(done, 0);
}

/// The lowest number that is free, and therefore the limit that forbids one more descriptor.
fn next_number() -> u64 {
    use std::os::fd::AsRawFd;
    let probe = std::fs::File::open("/dev/null").unwrap();
    probe.as_raw_fd() as u64
}

#[test]
fn no_descriptors_left_is_an_error_or_a_wait_and_loses_nothing() {
    run(1, async {
        let usual = limit().rlim_cur;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // Everything that needs descriptors of its own is set up before.
        drop(unhung(listener.accept()).timeout_zero().await);
        let first = StdStream::connect(addr).unwrap();
        let second = StdStream::connect(addr).unwrap();

        set_limit(next_number());
        let error = unhung(listener.accept()).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
        assert_ne!(error.kind(), ErrorKind::Other);

        // `incoming` waits instead, and goes on after the relief.
        let waiting = spawn(async move {
            let mut incoming = listener.incoming();
            let mut peers = Vec::new();
            for _ in 0..2 {
                let (stream, peer) = incoming.next().await.unwrap().unwrap();
                peers.push((stream, peer));
            }
            drop(incoming);
            (listener, peers)
        });
        ringmesh_sched::time::sleep(std::time::Duration::from_millis(30)).await;
        assert!(!waiting.is_finished());
        set_limit(usual);
        let (listener, peers) = unhung(waiting).await.unwrap();
        assert_eq!(peers[0].1, first.local_addr().unwrap());
        assert_eq!(peers[1].1, second.local_addr().unwrap());

        // And the listener is as good as new.
        let third = StdStream::connect(addr).unwrap();
        assert_eq!(
            unhung(listener.accept()).await.unwrap().1,
            third.local_addr().unwrap()
        );
    });
}

/// Polls a future once and drops it.
trait TimeoutZero: Sized + Future {
    async fn timeout_zero(self) -> Option<Self::Output> {
        ringmesh_sched::time::timeout(std::time::Duration::ZERO, self)
            .await
            .ok()
    }
}

impl<F: Future> TimeoutZero for F {}
