//! Descriptors are conserved over every op that makes one, dropped before, in, and after its flight. Counts the whole
//! process's descriptors, so it stands alone.

#[path = "support/ops.rs"]
mod support;

use std::{fs, net};

use futures_lite::future::poll_once;
use ringmesh_op::{
    Op, OpCode, SharedFd,
    multishot::{AcceptMulti, Multi},
    ops::{Accept, Close, OpenAt, OpenAt2, Socket},
};
use socket2::{Domain, Type};
use support::{dir, on_shard, pipe, quiesce, shared, submitted, wait_until};

fn open_fds() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Drops the op unpolled, after its first poll, and after its completion.
async fn drop_at_each_stage<T: OpCode>(make: impl Fn() -> T) {
    drop(Op::new(make()));
    for rounds in 0..6 {
        let mut op = Op::new(make());
        let _ready = poll_once(&mut op).await;
        for _ in 0..rounds {
            ringmesh_sched::yield_now().await;
        }
        drop(op);
    }
    let mut op = Op::new(make());
    let _ready = poll_once(&mut op).await;
    quiesce().await;
    drop(op);
    quiesce().await;
}

#[test]
fn fds_conserved() {
    let dir = dir("fds_conserved");
    on_shard(async {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = shared(listener);
        quiesce().await;
        let before = open_fds();
        for round in 0..20 {
            let path = dir.join(format!("file-{round}"));
            let flags = libc::O_RDWR | libc::O_CREAT;
            drop_at_each_stage(|| OpenAt::new(&path, flags, 0o600).unwrap()).await;
            drop_at_each_stage(|| OpenAt::new(&path, libc::O_RDONLY, 0).unwrap()).await;
            drop_at_each_stage(|| OpenAt2::new(&path, libc::O_RDONLY, 0, 0).unwrap()).await;
            drop_at_each_stage(|| Socket::new(Domain::IPV4, Type::STREAM, None)).await;
            drop_at_each_stage(|| Close::new(pipe().1.try_into_owned().unwrap())).await;

            // An accept that has its connection when it is dropped, and one that has none.
            let mut accept = Op::new(Accept::new(&listener));
            assert!(poll_once(&mut accept).await.is_none());
            submitted().await;
            let client = net::TcpStream::connect(addr).unwrap();
            if round % 2 == 0 {
                quiesce().await;
            }
            drop(accept);
            quiesce().await;
            drop(client);

            let mut accepts = Multi::new(AcceptMulti::new(&listener, None));
            assert!(poll_once(accepts.next()).await.is_none());
            let clients: Vec<_> = (0..8)
                .map(|_| net::TcpStream::connect(addr).unwrap())
                .collect();
            let first = accepts.next().await.unwrap().unwrap();
            drop((accepts, first));
            quiesce().await;
            drop(clients);

            let (reader, writer) = pipe();
            drop((reader, SharedFd::try_into_owned(writer).unwrap()));
        }
        // Connections that no accept took are the listener's backlog, not ours; files close by the ring.
        wait_until(|| open_fds() <= before).await;
        assert_eq!(open_fds(), before);
    });
}
