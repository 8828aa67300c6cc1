//! Every interleaving (2 preemptions) of an op's future with its completion, over the shipped state word.
//!
//! A lost wake shows as a deadlock, a result that two sides own as a data race on the cell that stands for it.
#![cfg(ringmesh_loom)]

use std::{
    sync::{
        Arc as StdArc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Wake, Waker},
};

use loom::{
    cell::UnsafeCell,
    sync::{Arc, Notify},
    thread,
};
use ringmesh_op::state::{Address, Completed, Orphaned, Polled, State};

/// What the state guards: the op's result, as a cell in which loom sees every race.
struct Cell {
    state: State,
    result: UnsafeCell<u32>,
    /// How often somebody was told that the result is theirs.
    taken: AtomicUsize,
}

// SAFETY: access to `result` is what the model checks.
unsafe impl Sync for Cell {}
// SAFETY: as above.
unsafe impl Send for Cell {}

const RESULT: u32 = 7;

impl Cell {
    fn new(state: State) -> Arc<Self> {
        Arc::new(Self {
            state,
            result: UnsafeCell::new(0),
            taken: AtomicUsize::new(0),
        })
    }

    /// The driver's side of a terminal CQE.
    fn complete(&self) {
        // SAFETY: not completed yet: the result is the driver's; loom checks that.
        self.result.with_mut(|result| unsafe { *result = RESULT });
        match self.state.transition_to_completed() {
            Completed::Wake(waker) => waker.wake(),
            Completed::Quiet => {}
            Completed::Orphaned => self.take(),
        }
    }

    /// Whoever owns the result uses it.
    fn take(&self) {
        // SAFETY: the state said that it is ours; loom checks that.
        let result = self.result.with_mut(|result| unsafe { *result });
        assert_eq!(result, RESULT);
        self.taken.fetch_add(1, Relaxed);
    }

    fn drop_future(&self) {
        match self.state.transition_to_orphaned() {
            Orphaned::Completed => self.take(),
            Orphaned::InFlight(_) | Orphaned::Unpublished => {}
        }
    }
}

/// Polls until the result is there; between polls it sleeps until it is woken, so that a lost wake is a deadlock.
fn wait(cell: &Cell) {
    let sleeper = StdArc::new(Sleeper(Notify::new()));
    let waker = Waker::from(StdArc::clone(&sleeper));
    loop {
        match cell.state.transition_to_waiting(&waker) {
            Polled::Pending => sleeper.0.wait(),
            Polled::Completed => return cell.take(),
            Polled::Leaked => unreachable!("nobody leaks here"),
        }
    }
}

struct Sleeper(Notify);

impl Wake for Sleeper {
    fn wake(self: StdArc<Self>) {
        self.0.notify();
    }
}

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

/// The future waits until it is woken: no completion may pass it by.
#[test]
fn a_completion_wakes_the_future_that_waits() {
    model("poll against complete", || {
        let cell = Cell::new(State::submitted());
        let driver = Arc::clone(&cell);
        let reap = thread::spawn(move || driver.complete());
        wait(&cell);
        reap.join().unwrap();
        assert_eq!(cell.taken.load(Relaxed), 1);
    });
}

/// Polls with changing wakers: the last one is woken, none is touched by two threads.
#[test]
fn a_new_waker_replaces_the_old_one_while_the_op_completes() {
    model("re-poll with another waker against complete", || {
        let cell = Cell::new(State::waiting(noop()));
        let driver = Arc::clone(&cell);
        let reap = thread::spawn(move || driver.complete());
        let first = cell.state.transition_to_waiting(&noop());
        if first == Polled::Completed {
            cell.take();
        } else {
            wait(&cell);
        }
        reap.join().unwrap();
        assert_eq!(cell.taken.load(Relaxed), 1);
    });
}

/// The future is dropped while the op completes: exactly one side gets the result.
#[test]
fn a_drop_and_a_completion_give_the_result_to_one_side() {
    model("drop against complete", || {
        let cell = Cell::new(State::waiting(noop()));
        let driver = Arc::clone(&cell);
        let reap = thread::spawn(move || driver.complete());
        cell.drop_future();
        reap.join().unwrap();
        assert_eq!(cell.taken.load(Relaxed), 1);
    });
}

/// A poll, then a drop, on one thread; the completion on another.
#[test]
fn a_future_polled_and_dropped_loses_no_result() {
    model("poll and drop against complete", || {
        let cell = Cell::new(State::waiting(noop()));
        let driver = Arc::clone(&cell);
        let reap = thread::spawn(move || driver.complete());
        match cell.state.transition_to_waiting(&noop()) {
            Polled::Completed => cell.take(),
            Polled::Pending => cell.drop_future(),
            Polled::Leaked => unreachable!("nobody leaks here"),
        }
        reap.join().unwrap();
        assert_eq!(cell.taken.load(Relaxed), 1);
    });
}

/// A cancel from a third thread disturbs nobody.
#[test]
fn a_cancel_request_changes_no_owner() {
    model("cancel against poll against complete", || {
        let cell = Cell::new(State::waiting(noop()));
        cell.state.place(Address { ring: 1, key: 1 });
        let driver = Arc::clone(&cell);
        let reap = thread::spawn(move || driver.complete());
        let canceller = Arc::clone(&cell);
        let cancel = thread::spawn(move || {
            let _address = canceller.state.request_cancel();
        });
        match cell.state.transition_to_waiting(&noop()) {
            Polled::Completed => cell.take(),
            Polled::Pending => cell.drop_future(),
            Polled::Leaked => unreachable!("nobody leaks here"),
        }
        reap.join().unwrap();
        cancel.join().unwrap();
        assert_eq!(cell.taken.load(Relaxed), 1);
    });
}
