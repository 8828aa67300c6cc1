//! Every interleaving (2 preemptions) of "a shard pushes an op" with "the last handle of its descriptor is dropped".
//!
//! The law: an op that was pushed on a descriptor without handles has been sent a cancel.
#![cfg(ringmesh_loom)]

use std::sync::{
    Arc as StdArc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use loom::{sync::Arc, thread};
use ringmesh_op::rings::Rings;

fn model(name: &str, f: impl Fn() + Sync + Send + 'static) {
    let iterations = StdArc::new(AtomicUsize::new(0));
    let count = StdArc::clone(&iterations);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        f();
    });
    println!("loom {name}: {} iterations", iterations.load(Relaxed));
}

#[test]
fn an_op_pushed_while_the_last_handle_goes_is_cancelled_or_never_pushed() {
    model("push against close", || {
        let rings = Arc::new(Rings::new());
        let shard = {
            let rings = Arc::clone(&rings);
            thread::spawn(move || rings.mark(3))
        };
        rings.close();
        let cancelled = rings.has(3);
        let pushed = shard.join().unwrap();
        assert!(
            !pushed || cancelled,
            "pushed, no handle left, and nobody cancels it"
        );
    });
}

#[test]
fn ops_pushed_on_two_rings_are_both_cancelled_or_never_pushed() {
    model("two pushes against close", || {
        let rings = Arc::new(Rings::new());
        let shards = [3, 70].map(|ring| {
            let rings = Arc::clone(&rings);
            thread::spawn(move || (ring, rings.mark(ring)))
        });
        rings.close();
        let cancelled = [rings.has(3), rings.has(70)];
        for (shard, cancelled) in shards.into_iter().zip(cancelled) {
            let (ring, pushed) = shard.join().unwrap();
            assert!(!pushed || cancelled, "ring {ring}");
        }
    });
}
