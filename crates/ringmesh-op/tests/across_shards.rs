//! Ops that start on one shard and are polled, completed or cancelled from others.

#[path = "support/lane.rs"]
mod lane;
#[path = "support/ops.rs"]
mod support;

use std::io::Write;

use lane::{arm, pair, recv};
use ringmesh_op::{Builder, Handle, Lane, ShardId};
use ringmesh_sched::{EventKind, shard, spawn_local_on};
use support::{counted, on, wait_until};

fn shard_id(index: usize) -> ShardId {
    ShardId::new(index)
}

/// How many events the drivers and shards have recorded so far.
fn mark() -> u64 {
    Handle::current().events().len() as u64
}

/// The rings on which `op` was submitted and reaped since `mark`, from what the drivers recorded.
fn rings_of(op: u64, mark: u64) -> (Vec<ShardId>, Vec<ShardId>) {
    let (mut submitted, mut reaped) = (Vec::new(), Vec::new());
    for event in Handle::current()
        .events()
        .into_iter()
        .filter(|event| event.seq >= mark)
    {
        match event.kind {
            EventKind::Submitted { op: key, ring, .. } if key == op => submitted.push(ring),
            EventKind::Reaped { op: key, ring, .. } if key == op => reaped.push(ring),
            _ => {}
        }
    }
    (submitted, reaped)
}

#[test]
fn an_op_polled_on_another_shard_completes_on_the_ring_that_took_it() {
    on(Builder::new().shards(2).record_events(true), async {
        let (fd, mut peer) = pair();
        let start = mark();
        let armed = spawn_local_on(shard_id(0), {
            let fd = fd.clone();
            move || async move {
                let mut op = recv(&fd);
                assert!(arm(&mut op).await);
                assert_eq!(shard::current(), Some(shard_id(0)));
                Some(op)
            }
        });
        let mut op = armed.await.unwrap().unwrap();
        let key = op.key().expect("it is in flight").user_data();

        let moved = spawn_local_on(shard_id(1), move || async move {
            assert!(arm(&mut op).await, "the peer is silent");
            peer.write_all(b"over there").unwrap();
            let got = op.await.unwrap();
            (shard::current(), got.1)
        });
        let (polled_on, bytes) = moved.await.unwrap();
        assert_eq!(polled_on, Some(shard_id(1)));
        assert_eq!(bytes, b"over there");
        assert_eq!(rings_of(key, start), (vec![shard_id(0)], vec![shard_id(0)]));
    });
}

#[test]
fn an_op_with_a_lane_goes_to_the_lanes_ring_whoever_polls_it() {
    on(Builder::new().shards(3).record_events(true), async {
        for target in 0..3 {
            let start = mark();
            let lane = Lane::on(shard_id(target)).unwrap();
            let (fd, mut peer) = pair();
            let mut op = recv(&fd).on(lane.clone());
            assert!(arm(&mut op).await);
            wait_until(|| op.key().is_some()).await;
            let key = op.key().unwrap().user_data();
            assert_eq!(lane.inflight(), 1);
            peer.write_all(b"!").unwrap();
            assert_eq!(op.await.unwrap().1, b"!");
            assert_eq!(
                rings_of(key, start),
                (vec![shard_id(target)], vec![shard_id(target)])
            );
        }
    });
}

#[test]
fn a_lane_to_a_shard_that_does_not_exist_is_an_error() {
    on(Builder::new().shards(1), async {
        assert!(Lane::on(shard_id(1)).is_err());
        assert!(Lane::on(shard_id(0)).is_ok());
        assert_eq!(Lane::least_loaded().shard(), shard_id(0));
    });
}

#[test]
fn an_op_dropped_on_another_shard_is_cancelled_on_its_own() {
    on(Builder::new().shards(2), async {
        let (fd, mut peer) = pair();
        let (here, there) = (Lane::on(shard_id(0)).unwrap(), shard_id(1));
        for _ in 0..50 {
            let mut op = recv(&fd).on(here.clone());
            assert!(arm(&mut op).await);
            spawn_local_on(there, move || async move { drop(op) })
                .await
                .unwrap();
        }
        wait_until(|| here.inflight() == 0).await;
        assert_eq!(counted().orphans, 50);
        peer.write_all(b"x").unwrap();
        assert_eq!(recv(&fd).await.unwrap().1, b"x");
    });
}

/// A stealable task that is woken by another shard runs there, while its op stays where it was armed.
#[test]
fn a_task_that_moves_keeps_its_op_on_the_ring_it_came_from() {
    on(Builder::new().shards(2).record_events(true), async {
        let start = mark();
        let moved = ringmesh_sched::spawn(async {
            let home = shard::current().expect("a task runs on a shard");
            let (fd, mut peer) = pair();
            let mut op = recv(&fd);
            assert!(arm(&mut op).await);
            let key = op.key().unwrap().user_data();
            // A task of the other shard wakes this one there, until it stays for a poll.
            let other = shard_id(1 - home.index());
            while shard::current() == Some(home) {
                spawn_local_on(other, || async {}).await.unwrap();
            }
            assert!(arm(&mut op).await, "polled on another shard, still pending");
            peer.write_all(b"moved").unwrap();
            let (_, bytes) = op.await.unwrap();
            assert_eq!(bytes, b"moved");
            (key, home)
        });
        let (key, home) = moved.await.unwrap();
        assert_eq!(rings_of(key, start), (vec![home], vec![home]));
        let elsewhere = Handle::current().metrics().total().polls_op_elsewhere;
        assert!(
            elsewhere >= 1,
            "the scheduler counts polls of a task whose op is armed on another ring"
        );
    });
}
