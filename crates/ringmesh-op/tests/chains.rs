//! Linked ops: order, stops, cancels.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::io::{Read as _, Write as _};

use lane::{arm, pair, recv};
use ringmesh_op::{
    Builder, Chain, Lane, ShardId,
    ops::{Fsync, Nop, Read, Recv, Send, Write},
};
use support::{counted, dir, on, on_shard, quiesce, shared_file, wait_until};

#[test]
fn the_steps_of_a_chain_run_in_order() {
    on_shard(async {
        let path = dir("chains").join("ordered");
        let file = std::fs::File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let fd = shared_file(file);
        let (wrote, over, synced, read) = Chain::new()
            .then(Write::new(&fd, "first", 0))
            .then(Write::new(&fd, "F", 0))
            .then(Fsync::new(&fd))
            .then(Read::new(&fd, vec![0; 5], 0))
            .submit()
            .unwrap()
            .await;
        assert_eq!(wrote.unwrap().0, 5);
        assert_eq!(over.unwrap().0, 1);
        synced.unwrap();
        assert_eq!(read.unwrap().1, b"First");
        quiesce().await;
    });
}

#[test]
fn a_step_that_fails_stops_the_chain_and_gives_every_buffer_back() {
    on_shard(async {
        let path = dir("chains").join("readonly");
        std::fs::write(&path, b"kept").unwrap();
        let readonly = shared_file(std::fs::File::open(&path).unwrap());
        let (before, failed, behind) = Chain::new()
            .then(Nop::new())
            .then(Write::new(&readonly, vec![b'x'; 4], 0))
            .then(Read::new(&readonly, vec![0; 4], 0))
            .submit()
            .unwrap()
            .await;
        before.unwrap();
        let (error, buf) = failed.unwrap_err().into_parts();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        assert_eq!(buf, b"xxxx");
        let (error, buf) = behind.unwrap_err().into_parts();
        assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
        assert_eq!(buf.len(), 4);
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
        quiesce().await;
    });
}

/// A short read stops the chain too, and says that it was short.
#[test]
fn a_short_step_stops_the_chain() {
    on_shard(async {
        let path = dir("chains").join("short");
        std::fs::write(&path, b"ab").unwrap();
        let fd = shared_file(std::fs::File::open(&path).unwrap());
        let (short, behind) = Chain::new()
            .then(Read::new(&fd, vec![0; 8], 0))
            .then(Nop::new())
            .submit()
            .unwrap()
            .await;
        assert_eq!(short.unwrap().0, 2);
        assert_eq!(behind.unwrap_err().raw_os_error(), Some(libc::ECANCELED));
    });
}

#[test]
fn a_list_of_ops_makes_a_chain_of_any_length_that_the_ring_takes() {
    on(Builder::new().shards(1).ring_entries(8), async {
        let all = Chain::of((0..8).map(|_| Nop::new()))
            .submit()
            .unwrap()
            .await;
        assert!(all.into_iter().all(|result| result.is_ok()));
        let error = Chain::of((0..9).map(|_| Nop::new())).submit().unwrap_err();
        assert_eq!((error.steps, error.entries), (9, 8));
        assert!(error.to_string().contains("ring_entries"));
        assert!(
            Chain::of(Vec::<Nop>::new())
                .submit()
                .unwrap()
                .await
                .is_empty()
        );
    });
}

/// C12: with a queue that is nearly full all the time, each chain still goes in whole.
#[test]
fn chains_go_in_whole_beside_a_crowd() {
    on(Builder::new().shards(1).ring_entries(8), async {
        let tasks: Vec<_> = (0..100)
            .map(|i| {
                ringmesh_sched::spawn(async move {
                    if i % 3 == 0 {
                        ringmesh_op::Op::new(Nop::new()).await.unwrap();
                    } else {
                        let (mut out, mut back) = std::os::unix::net::UnixStream::pair().unwrap();
                        let fd = support::shared(out.try_clone().unwrap());
                        let steps = (0..5u8).map(|step| Send::new(&fd, vec![step]));
                        let sent = Chain::of(steps).submit().unwrap().await;
                        assert!(sent.into_iter().all(|sent| sent.unwrap().0 == 1));
                        out.flush().unwrap();
                        let mut got = [9; 5];
                        back.read_exact(&mut got).unwrap();
                        assert_eq!(got, [0, 1, 2, 3, 4], "a chain keeps its order");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        quiesce().await;
    });
}

/// The second step is unknown to the kernel's cancel before its turn comes.
#[test]
fn a_chain_dropped_in_flight_is_cancelled_whole() {
    on_shard(async {
        let (first, mut first_peer) = pair();
        let (second, mut second_peer) = pair();
        let receives = || [&first, &second].map(|fd| Recv::new(fd, Vec::with_capacity(8)));
        for _ in 0..20 {
            let mut chain = Chain::of(receives()).submit().unwrap();
            assert!(arm(&mut chain).await);
            drop(chain);
            quiesce().await;
        }
        assert_eq!(counted().orphans, 40);

        // The first step succeeds after the chain was given up: the second must not stay armed.
        let mut chain = Chain::of(receives()).submit().unwrap();
        assert!(arm(&mut chain).await);
        // Submitted for sure: one more op went through.
        ringmesh_op::Op::new(Nop::new()).await.unwrap();
        first_peer.write_all(b"12345678").unwrap();
        drop(chain);
        quiesce().await;
        second_peer.write_all(b"free").unwrap();
        assert_eq!(recv(&second).await.unwrap().1, b"free");
    });
}

#[test]
fn a_chain_goes_to_its_lanes_ring() {
    on(Builder::new().shards(2), async {
        let lane = Lane::on(ShardId::new(1)).unwrap();
        let (fd, _peer) = pair();
        let mut chain = Chain::new()
            .then(Nop::new())
            .then(Recv::new(&fd, vec![0; 4]))
            .on(lane.clone())
            .submit()
            .unwrap();
        assert!(arm(&mut chain).await);
        wait_until(|| lane.inflight() == 1).await;
        chain.request_cancel();
        let (nop, received) = chain.await;
        nop.unwrap();
        assert_eq!(
            received.unwrap_err().error().raw_os_error(),
            Some(libc::ECANCELED)
        );
    });
}
