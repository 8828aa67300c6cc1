//! Every interleaving (2 preemptions) of "a shard takes an op" with "its future gives up", over the shipped state word.
//!
//! The law: an op that was pushed and that nobody wants has been sent a cancel by somebody.
#![cfg(ringmesh_loom)]

use std::{
    sync::{
        Arc as StdArc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Wake, Waker},
};

use loom::{sync::Arc, thread};
use ringmesh_op::state::{Address, Orphaned, State};

struct Noop;

impl Wake for Noop {
    fn wake(self: StdArc<Self>) {}
}

fn noop() -> Waker {
    StdArc::new(Noop).into()
}

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

const FIRST: Address = Address { ring: 3, key: 11 };
const SECOND: Address = Address { ring: 3, key: 12 };

/// The shard's side: the address it pushed under, and the cancel that it owes.
fn push(state: &State, at: Address) -> (Option<Address>, Option<Address>) {
    if state.is_unwanted() {
        return (None, None);
    }
    let unwanted = state.publish(at);
    (Some(at), unwanted.then_some(at))
}

/// The future's side: the cancel that it owes.
fn give_up(state: &State) -> Option<Address> {
    match state.transition_to_orphaned() {
        Orphaned::InFlight(at) => Some(at),
        Orphaned::Unpublished => None,
        Orphaned::Completed => unreachable!("nobody completes here"),
    }
}

#[test]
fn an_op_dropped_while_a_shard_takes_it_is_cancelled_or_never_pushed() {
    model("drop against remote submit", || {
        let state = Arc::new(State::waiting(noop()));
        let shard = {
            let state = Arc::clone(&state);
            thread::spawn(move || push(&state, FIRST))
        };
        let cancelled = give_up(&state);
        let (pushed, cancelled_there) = shard.join().unwrap();
        assert!(
            pushed.is_none() || cancelled.is_some() || cancelled_there.is_some(),
            "pushed, unwanted, and nobody cancels it"
        );
        assert!(
            cancelled.is_none_or(|at| at == FIRST),
            "an address of which only half was seen"
        );
    });
}

#[test]
fn a_cancel_requested_while_a_shard_takes_the_op_reaches_it() {
    model("cancel against remote submit", || {
        let state = Arc::new(State::waiting(noop()));
        let shard = {
            let state = Arc::clone(&state);
            thread::spawn(move || push(&state, FIRST))
        };
        let cancelled = state.request_cancel();
        let (pushed, cancelled_there) = shard.join().unwrap();
        assert!(pushed.is_none() || cancelled.is_some() || cancelled_there.is_some());
    });
}

/// An op that is submitted again gets a new slot; a cancel of the old one reaches nothing.
#[test]
fn an_op_dropped_while_it_is_submitted_again_is_cancelled_under_its_new_key() {
    model("drop against resubmit", || {
        let state = Arc::new(State::waiting(noop()));
        state.place(FIRST);
        let shard = {
            let state = Arc::clone(&state);
            thread::spawn(move || push(&state, SECOND))
        };
        let cancelled = give_up(&state);
        let (pushed, cancelled_there) = shard.join().unwrap();
        let reached = [cancelled, cancelled_there].contains(&Some(SECOND));
        assert!(
            pushed.is_none() || reached,
            "the cancel went to a slot that is free"
        );
    });
}
