//! What the tests of this crate share.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::time::Duration;

use ringmesh_sys::{
    Capabilities, Completer, Cqe, Feature, Ring, RingOptions, Sqe, Submitter, Wait, opcode,
};

/// A guard against hanging, not a deadline: nothing is expected to take that long.
pub(crate) const HANG: Duration = Duration::from_secs(30);

/// Whether this machine has io_uring; says SKIP if not.
pub(crate) fn usable(test: &str) -> bool {
    let usable = Capabilities::probe().usable();
    if !usable {
        println!("SKIP {test}: {}", Capabilities::probe().missing()[0]);
    }
    usable
}

/// Whether rings have a feature; says SKIP if not.
pub(crate) fn has(test: &str, feature: Feature) -> bool {
    let has = Capabilities::probe().has(feature);
    if !has {
        println!(
            "SKIP {test}: no {feature:?} before Linux {}",
            feature.since()
        );
    }
    has
}

pub(crate) fn options(entries: u32) -> RingOptions {
    RingOptions::new().entries(entries)
}

pub(crate) fn ring(entries: u32) -> (Submitter, Completer) {
    options(entries)
        .build()
        .map(Ring::split)
        .expect("a ring, since the probe had one")
}

pub(crate) fn nop(user_data: u64) -> Sqe {
    Sqe {
        opcode: opcode::NOP,
        user_data,
        ..Sqe::default()
    }
}

/// Pushes an SQE that points to nothing, or to memory that the caller keeps until it has reaped.
pub(crate) fn push(submitter: &mut Submitter, sqe: Sqe) {
    // SAFETY: as said above; every test reaps what it pushes before its memory goes.
    unsafe { submitter.push(&sqe) }.expect("room in the queue");
}

/// Submits, waits for a completion and takes it.
pub(crate) fn wait_one(submitter: &mut Submitter, completer: &mut Completer) -> Cqe {
    loop {
        if let Some(cqe) = completer.next() {
            return cqe;
        }
        submitter.enter(1, Wait::Until(HANG)).expect("an enter");
    }
}

/// Submits one SQE and waits for its completion.
pub(crate) fn run(submitter: &mut Submitter, completer: &mut Completer, sqe: Sqe) -> Cqe {
    push(submitter, sqe);
    wait_one(submitter, completer)
}
