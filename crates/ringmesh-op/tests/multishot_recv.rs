//! Multishot receive with leased buffers on the real kernel.

#[path = "support/ops.rs"]
mod support;

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    task::{Context, Wake, Waker},
    thread,
};

use futures_lite::future::poll_once;
use ringmesh_op::{
    Lease, SharedFd,
    multishot::{Multi, RecvMulti},
    ops::{Recv, Send},
};
use support::{counted, on_shard, op, pattern, quiesce, shared, submitted, wait_until};

/// Buffers in a ring's group.
const BUFFERS: usize = 64;

fn pair() -> (SharedFd, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (shared(ours), theirs)
}

#[test]
fn data_comes_as_leases_until_the_end() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let sent = pattern(300_000);
        let sender = thread::spawn({
            let sent = sent.clone();
            move || theirs.write_all(&sent).unwrap()
        });
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        let mut got = Vec::new();
        while let Some(lease) = chunks.next().await {
            let lease = match lease {
                Ok(lease) => lease,
                Err(error) => panic!("after {}: {error}", got.len()),
            };
            assert!(!lease.is_empty());
            got.extend_from_slice(&lease);
        }
        assert_eq!(got, sent);
        assert!(chunks.next().await.is_none());
        sender.join().unwrap();
        quiesce().await;
    });
}

#[test]
fn one_request_serves_many_messages_and_every_buffer_comes_home() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        assert!(poll_once(chunks.next()).await.is_none());
        submitted().await;
        let submits = counted().submits;
        for i in 0..10 * BUFFERS as u32 {
            theirs.write_all(&i.to_le_bytes()).unwrap();
            let lease = chunks.next().await.unwrap().unwrap();
            assert_eq!(lease[..], i.to_le_bytes());
        }
        assert_eq!(counted().submits, submits);
    });
}

/// Takes leases of one byte each until the ring has none left.
async fn take_all(chunks: &mut Multi<RecvMulti>, theirs: &mut UnixStream) -> Vec<Lease> {
    let mut leases = Vec::new();
    loop {
        theirs.write_all(b"x").unwrap();
        match chunks.next().await.unwrap() {
            Ok(lease) => leases.push(lease),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::ENOBUFS));
                return leases;
            }
        }
    }
}

#[test]
fn a_dry_group_says_so_once_and_goes_on_when_a_lease_comes_home() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        let mut leases = take_all(&mut chunks, &mut theirs).await;
        assert_eq!(leases.len(), BUFFERS);
        assert!(poll_once(chunks.next()).await.is_none(), "it waits now");
        // Home from a thread that is no shard.
        let home = thread::spawn(move || {
            leases.pop();
            leases
        });
        let late = chunks.next().await.unwrap().unwrap();
        assert_eq!(late[..], *b"x", "the byte that found no buffer is not lost");
        let leases = home.join().unwrap();
        assert_eq!(leases.len(), BUFFERS - 1);
        drop((leases, late));
        assert_eq!(
            take_all(&mut chunks, &mut theirs).await.len(),
            BUFFERS,
            "all are home"
        );
    });
}

#[test]
fn dropped_streams_give_their_buffers_back() {
    on_shard(async {
        for _ in 0..3 * BUFFERS {
            let (ours, mut theirs) = pair();
            let mut chunks = Multi::new(RecvMulti::new(&ours));
            assert!(poll_once(chunks.next()).await.is_none());
            theirs.write_all(b"one").unwrap();
            let lease = chunks.next().await.unwrap().unwrap();
            theirs.write_all(b"two").unwrap();
            drop(chunks);
            assert_eq!(lease[..], *b"one");
        }
        quiesce().await;
        let (ours, mut theirs) = pair();
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        assert_eq!(take_all(&mut chunks, &mut theirs).await.len(), BUFFERS);
    });
}

#[test]
fn leases_come_home_from_many_threads_while_data_flows() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let sent = pattern(2 << 20);
        let sender = thread::spawn({
            let sent = sent.clone();
            move || {
                sent.chunks(1_000)
                    .for_each(|chunk| theirs.write_all(chunk).unwrap())
            }
        });
        let (homes, threads): (Vec<_>, Vec<_>) = (0..3)
            .map(|_| {
                let (home, leases) = mpsc::channel::<Lease>();
                (
                    home,
                    thread::spawn(move || {
                        leases.into_iter().map(|lease| lease.len()).sum::<usize>()
                    }),
                )
            })
            .unzip();
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        let (mut got, mut dry) = (Vec::new(), 0);
        while let Some(lease) = chunks.next().await {
            match lease {
                Ok(lease) => {
                    got.extend_from_slice(&lease);
                    homes[got.len() % homes.len()].send(lease).unwrap();
                }
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(libc::ENOBUFS));
                    dry += 1;
                }
            }
        }
        drop(homes);
        let home: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        sender.join().unwrap();
        assert_eq!(
            (got.len(), home),
            (sent.len(), sent.len()),
            "dry {dry} times"
        );
        assert!(got == sent);
        quiesce().await;
    });
}

#[test]
fn a_lease_that_comes_home_wakes_who_starves_and_nobody_else() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        let mut leases = take_all(&mut chunks, &mut theirs).await;
        let counter = Arc::new(Counting(AtomicUsize::new(0)));
        let waker = Waker::from(counter.clone());
        assert!(
            chunks
                .poll_next(&mut Context::from_waker(&waker))
                .is_pending()
        );
        leases.pop();
        assert_eq!(counter.0.load(Ordering::Relaxed), 1);
        leases.pop();
        assert_eq!(
            counter.0.load(Ordering::Relaxed),
            1,
            "nobody starves any more"
        );
    });
}

#[test]
fn a_starved_stream_that_is_dropped_leaves_no_waker_behind() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        let leases = take_all(&mut chunks, &mut theirs).await;
        let counter = Arc::new(Counting(AtomicUsize::new(0)));
        let waker = Waker::from(counter.clone());
        let mut cx = Context::from_waker(&waker);
        assert!(chunks.poll_next(&mut cx).is_pending());
        assert!(chunks.poll_next(&mut cx).is_pending());
        drop(chunks);
        drop(waker);
        assert_eq!(Arc::strong_count(&counter), 1);
        drop(leases);
        assert_eq!(counter.0.load(Ordering::Relaxed), 0);
    });
}

struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_socket_that_nobody_reads_is_paused() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut chunks = Multi::new(RecvMulti::new(&ours)).with_limit(2);
        assert!(poll_once(chunks.next()).await.is_none());
        submitted().await;
        for i in 0..20u8 {
            theirs.write_all(&[i]).unwrap();
            ringmesh_sched::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        wait_until(|| !chunks.is_armed()).await;
        drop(theirs);
        let mut got = Vec::new();
        while let Some(lease) = chunks.next().await {
            got.extend_from_slice(&lease.unwrap());
        }
        assert_eq!(got, (0..20).collect::<Vec<u8>>());
    });
}

#[test]
fn what_came_before_a_cancel_is_still_there() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        assert!(poll_once(chunks.next()).await.is_none());
        submitted().await;
        theirs.write_all(b"before").unwrap();
        chunks.request_cancel();
        quiesce().await;
        let mut got = Vec::new();
        while let Some(lease) = chunks.try_next() {
            got.extend_from_slice(&lease);
        }
        drop(chunks);
        // What the request did not take is in the socket.
        if got.is_empty() {
            got = op(Recv::new(&ours, vec![0; 16])).await.unwrap().1;
        }
        assert_eq!(got, b"before");
    });
}

#[test]
fn a_lease_is_a_buffer_to_send_from() {
    on_shard(async {
        let (ours, mut theirs) = pair();
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        theirs.write_all(b"echo").unwrap();
        let lease = chunks.next().await.unwrap().unwrap();
        let (n, lease) = op(Send::new(&ours, lease)).await.unwrap();
        assert_eq!((n, &lease[..]), (4, &b"echo"[..]));
        let mut got = [0; 4];
        theirs.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"echo");
    });
}

#[test]
fn a_lease_outlives_its_runtime() {
    let (ours, mut theirs) = pair();
    let lease = on_shard(async {
        let mut chunks = Multi::new(RecvMulti::new(&ours));
        theirs.write_all(b"kept").unwrap();
        chunks.next().await.unwrap().unwrap()
    });
    assert_eq!(lease[..], *b"kept");
    thread::spawn(move || drop(lease)).join().unwrap();
}

#[test]
fn an_error_of_the_connection_ends_the_stream() {
    on_shard(async {
        let no_connection = SharedFd::new(
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
                .unwrap()
                .into(),
        );
        let mut chunks = Multi::new(RecvMulti::new(&no_connection));
        assert_eq!(
            chunks.next().await.unwrap().unwrap_err().raw_os_error(),
            Some(libc::ENOTCONN)
        );
        assert!(chunks.next().await.is_none());
    });
}

#[expect(dead_code, reason = "compiled, not run: the promises of the types")]
fn promises() {
    fn all<T: core::marker::Send + Sync + Unpin>() {}
    all::<Multi<RecvMulti>>();
    all::<Lease>();
}
