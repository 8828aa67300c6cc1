//! Multishot poll on the real kernel.

#[path = "support/ops.rs"]
mod support;

use futures_lite::future::poll_once;
use ringmesh_op::{
    multishot::{Multi, PollMulti},
    ops::{Read, Write},
};
use support::{counted, on_shard, op, pipe, quiesce, submitted};

#[test]
fn every_wake_up_is_told_by_one_request() {
    on_shard(async {
        let (reader, writer) = pipe();
        let mut events = Multi::new(PollMulti::new(&reader, libc::POLLIN as u32));
        assert!(poll_once(events.next()).await.is_none());
        submitted().await;
        let armed = counted().submits;
        for round in 0..20u64 {
            op(Write::current(&writer, *b"x")).await.unwrap();
            assert_ne!(
                events.next().await.unwrap().unwrap() & libc::POLLIN as u32,
                0
            );
            op(Read::current(&reader, [0; 8])).await.unwrap();
            assert_eq!(
                counted().submits - armed,
                2 * (round + 1),
                "only the write and the read"
            );
        }
        drop(events);
        quiesce().await;
    });
}

#[test]
fn events_that_nobody_took_are_merged() {
    on_shard(async {
        let (reader, writer) = pipe();
        let mut events = Multi::new(PollMulti::new(&reader, libc::POLLIN as u32));
        assert!(poll_once(events.next()).await.is_none());
        for _ in 0..10 {
            op(Write::current(&writer, *b"x")).await.unwrap();
        }
        assert_ne!(
            events.next().await.unwrap().unwrap() & libc::POLLIN as u32,
            0
        );
        assert!(events.try_next().is_none(), "one item, not ten");
        assert_eq!(op(Read::current(&reader, [0; 64])).await.unwrap().0, 10);
    });
}
