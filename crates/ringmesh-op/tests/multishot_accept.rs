//! Multishot accept on the real kernel.

#[path = "support/ops.rs"]
mod support;

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::OwnedFd,
    sync::{Arc, Mutex},
};

use futures_lite::future::poll_once;
use ringmesh_op::{
    Placement, ShardId, SharedFd,
    multishot::{AcceptMulti, Multi},
    ops::Drawer,
};
use socket2::{SockAddr, SockRef};
use support::{counted, on_shard, quiesce, shared, submitted, wait_until};

fn listener() -> (SharedFd, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    (shared(listener), addr)
}

fn connect(addr: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count)
        .map(|_| TcpStream::connect(addr).unwrap())
        .collect()
}

#[derive(Default)]
struct Parked(Mutex<Vec<OwnedFd>>);

impl Drawer for Parked {
    fn put(&self, connection: OwnedFd, _peer: Option<SockAddr>) {
        self.0.lock().unwrap().push(connection);
    }
}

#[test]
fn one_request_takes_every_connection() {
    on_shard(async {
        let (listener, addr) = listener();
        let mut incoming = Multi::new(AcceptMulti::new(&listener, None));
        assert!(poll_once(incoming.next()).await.is_none());
        assert!(incoming.is_armed());
        submitted().await;
        let submits = counted().submits;
        for _ in 0..10 {
            let clients = connect(addr, 10);
            for client in &clients {
                let connection = incoming.next().await.unwrap().unwrap();
                let peer = SockRef::from(&connection).peer_addr().unwrap();
                assert_eq!(
                    peer.as_socket(),
                    Some(client.local_addr().unwrap()),
                    "in their order"
                );
            }
        }
        assert!(
            counted().submits - submits <= 2,
            "one request served a hundred connections"
        );
        drop(incoming);
        quiesce().await;
    });
}

#[test]
fn connections_that_nobody_polled_for_go_into_the_drawer() {
    on_shard(async {
        let (listener, addr) = listener();
        let drawer = Arc::new(Parked::default());
        let mut incoming = Multi::new(AcceptMulti::new(&listener, Some(drawer.clone())));
        assert!(poll_once(incoming.next()).await.is_none());
        submitted().await;
        let clients = connect(addr, 12);
        let first = incoming.next().await.unwrap().unwrap();
        // Some are queued, some still in the kernel when it is dropped.
        drop(incoming);
        quiesce().await;
        let mut found = 1 + drawer.0.lock().unwrap().len();
        drop(first);
        // What the cancel kept in the backlog is the next accept's.
        let mut incoming = Multi::new(AcceptMulti::new(&listener, None));
        while found < clients.len() {
            incoming.next().await.unwrap().unwrap();
            found += 1;
        }
        assert!(
            poll_once(incoming.next()).await.is_none(),
            "and there is none too many"
        );
    });
}

#[test]
fn an_undrained_queue_pauses_the_request_and_loses_nothing() {
    on_shard(async {
        let (listener, addr) = listener();
        let mut incoming = Multi::new(AcceptMulti::new(&listener, None)).with_limit(4);
        assert!(poll_once(incoming.next()).await.is_none());
        submitted().await;
        let clients = connect(addr, 60);
        wait_until(|| !incoming.is_armed()).await;
        for client in &clients {
            let connection = incoming.next().await.unwrap().unwrap();
            let peer = SockRef::from(&connection).peer_addr().unwrap();
            assert_eq!(peer.as_socket(), Some(client.local_addr().unwrap()));
        }
        drop(incoming);
        quiesce().await;
    });
}

#[test]
fn a_cancelled_stream_can_be_polled_again() {
    on_shard(async {
        let (listener, addr) = listener();
        let mut incoming = Multi::new(AcceptMulti::new(&listener, None));
        for _ in 0..5 {
            assert!(poll_once(incoming.next()).await.is_none());
            submitted().await;
            incoming.request_cancel();
            incoming.request_cancel();
            quiesce().await;
            assert!(!incoming.is_armed());
        }
        let _client = connect(addr, 1);
        incoming.next().await.unwrap().unwrap();
    });
}

#[test]
fn errors_of_the_listener_end_the_stream() {
    on_shard(async {
        let no_listener = SharedFd::new(
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
                .unwrap()
                .into(),
        );
        let mut incoming = Multi::new(AcceptMulti::new(&no_listener, None));
        assert_eq!(
            incoming.next().await.unwrap().unwrap_err().raw_os_error(),
            Some(libc::EINVAL)
        );
        assert!(incoming.next().await.is_none());
        assert!(incoming.next().await.is_none());
        assert!(!incoming.is_armed());
    });
}

#[test]
fn the_last_handle_ends_the_stream() {
    on_shard(async {
        let (listener, _) = listener();
        let mut incoming = Multi::new(AcceptMulti::new(&listener, None));
        assert!(poll_once(incoming.next()).await.is_none());
        submitted().await;
        drop(listener);
        assert!(incoming.next().await.is_none());
        quiesce().await;
    });
}

#[test]
fn it_may_be_polled_and_dropped_on_threads_that_are_no_shards() {
    let (listener, addr) = listener();
    let runtime = ringmesh_op::Builder::new().shards(2).build().unwrap();
    let handle = runtime.handle();
    let mut incoming = Multi::new(AcceptMulti::new(&listener, None));
    let _entered = handle.enter();
    futures_lite::future::block_on(async {
        for _ in 0..20 {
            assert!(poll_once(incoming.next()).await.is_none());
            let _client = connect(addr, 1);
            incoming.next().await.unwrap().unwrap();
        }
    });
    std::thread::spawn(move || drop(incoming)).join().unwrap();
    let report = runtime.shutdown(support::HANG);
    assert_eq!(report.leaked_ops, 0);
}

#[test]
fn it_moves_between_shards_while_it_is_armed() {
    let (listener, addr) = listener();
    let runtime = ringmesh_op::Builder::new().shards(2).build().unwrap();
    let handle = runtime.handle();
    let on = |shard| Placement::Pinned(ShardId::new(shard));
    runtime.block_on(async {
        let mut incoming = Multi::new(AcceptMulti::new(&listener, None));
        for round in 0..10 {
            let task = handle.spawn_with(on(round % 2), async move {
                assert!(poll_once(incoming.next()).await.is_none());
                assert!(incoming.is_armed());
                let _client = connect(addr, 1);
                incoming.next().await.unwrap().unwrap();
                if round % 5 == 4 {
                    incoming.request_cancel();
                }
                incoming
            });
            incoming = task.await.unwrap();
        }
    });
    let report = runtime.shutdown(support::HANG);
    assert_eq!(report.leaked_ops, 0);
}

#[test]
fn a_runtime_that_shuts_down_ends_the_stream() {
    let (listener, _) = listener();
    let runtime = ringmesh_op::Builder::new().shards(1).build().unwrap();
    let mut incoming = Multi::new(AcceptMulti::new(&listener, None));
    {
        let handle = runtime.handle();
        let _entered = handle.enter();
        futures_lite::future::block_on(async {
            assert!(poll_once(incoming.next()).await.is_none())
        });
    }
    let report = runtime.shutdown(support::HANG);
    assert_eq!(report.leaked_ops, 0);
    futures_lite::future::block_on(async {
        assert!(incoming.next().await.unwrap().is_err());
        assert!(incoming.next().await.is_none());
    });
}

#[expect(dead_code, reason = "compiled, not run: the promises of the type")]
fn promises() {
    fn all<T: Send + Sync + Unpin>() {}
    all::<Multi<AcceptMulti>>();
}
