//! A ring on the real kernel: submitting, waiting, reaping.

#[path = "support/kernel.rs"]
mod kernel;

use std::{
    os::fd::{AsFd, AsRawFd},
    time::{Duration, Instant},
};

use kernel::*;
use ringmesh_sys::{Full, SqPoll, Sqe, Wait, eventfd::EventFd, opcode, sqe_flags};

/// Completes when the eventfd is signalled.
fn poll(eventfd: &EventFd, user_data: u64) -> Sqe {
    Sqe {
        opcode: opcode::POLL_ADD,
        fd: eventfd.as_fd().as_raw_fd(),
        op_flags: libc::POLLIN as u32,
        user_data,
        ..Sqe::default()
    }
}

#[test]
fn a_nop_comes_back_with_its_user_data() {
    if !usable("a_nop_comes_back_with_its_user_data") {
        return;
    }
    let (mut submitter, mut completer) = ring(8);
    let cqe = run(&mut submitter, &mut completer, nop(u64::MAX - 5));
    assert_eq!(
        (cqe.user_data, cqe.result, cqe.has_more()),
        (u64::MAX - 5, 0, false)
    );
    assert_eq!(cqe.io_result().unwrap(), 0);
    assert!(completer.next().is_none() && completer.is_empty());
}

#[test]
fn a_batch_is_submitted_and_waited_for_in_one_call() {
    if !usable("a_batch_is_submitted_and_waited_for_in_one_call") {
        return;
    }
    let (mut submitter, mut completer) = ring(32);
    for round in 0..100u64 {
        for i in 0..32 {
            push(&mut submitter, nop(round * 32 + i));
        }
        assert_eq!((submitter.pending(), submitter.space()), (32, 0));
        assert_eq!(submitter.enter(32, Wait::Forever).unwrap(), 32);
        assert_eq!((submitter.pending(), submitter.space()), (0, 32));
        let mut batch = Vec::new();
        assert_eq!(
            (completer.drain_into(&mut batch, 20), completer.len()),
            (20, 12)
        );
        assert_eq!(completer.drain_into(&mut batch, 20), 12);
        assert!(
            batch
                .iter()
                .map(|cqe| cqe.user_data)
                .eq(round * 32..(round + 1) * 32)
        );
    }
}

#[test]
fn a_full_queue_takes_nothing_and_chains_go_in_whole() {
    if !usable("a_full_queue_takes_nothing_and_chains_go_in_whole") {
        return;
    }
    let (mut submitter, mut completer) = ring(4);
    for i in 0..3 {
        push(&mut submitter, nop(i));
    }
    let chain = [nop(10).with_flags(sqe_flags::IO_LINK), nop(11)];
    // SAFETY: NOPs point to nothing.
    assert_eq!(unsafe { submitter.push_all(&chain) }, Err(Full));
    assert_eq!(submitter.pending(), 3, "no half of the chain went in");
    push(&mut submitter, nop(3));
    // SAFETY: as above.
    assert_eq!(unsafe { submitter.push(&nop(4)) }, Err(Full));
    submitter.enter(4, Wait::Forever).unwrap();
    // SAFETY: as above.
    unsafe { submitter.push_all(&chain) }.unwrap();
    submitter.enter(6, Wait::Forever).unwrap();
    let mut seen = Vec::new();
    completer.drain_into(&mut seen, usize::MAX);
    assert!(
        seen.iter()
            .map(|cqe| cqe.user_data)
            .eq([0, 1, 2, 3, 10, 11])
    );
}

#[test]
fn a_timed_wait_ends_without_a_completion_and_without_an_error() {
    if !usable("a_timed_wait_ends_without_a_completion_and_without_an_error") {
        return;
    }
    let (mut submitter, mut completer) = ring(8);
    let wait = Duration::from_millis(20);
    let start = Instant::now();
    assert_eq!(submitter.enter(1, Wait::Until(wait)).unwrap(), 0);
    assert!(start.elapsed() >= wait, "it is never early");
    assert_eq!(submitter.enter(1, Wait::Until(Duration::ZERO)).unwrap(), 0);
    // What is queued goes out with a wait that times out.
    let eventfd = EventFd::new().unwrap();
    push(&mut submitter, poll(&eventfd, 1));
    assert_eq!(submitter.enter(1, Wait::Until(wait)).unwrap(), 1);
    assert!(completer.next().is_none());
    eventfd.signal();
    assert_eq!(wait_one(&mut submitter, &mut completer).user_data, 1);
}

#[test]
fn deferred_completions_show_in_the_flag_and_appear_with_getevents() {
    if !usable("deferred_completions_show_in_the_flag_and_appear_with_getevents") {
        return;
    }
    let (mut submitter, mut completer) = ring(8);
    if !submitter.setup().defer_taskrun {
        println!(
            "SKIP deferred_completions_show_in_the_flag_and_appear_with_getevents: no DEFER_TASKRUN"
        );
        return;
    }
    let eventfd = EventFd::new().unwrap();
    push(&mut submitter, poll(&eventfd, 1));
    submitter.enter(0, Wait::No).unwrap();
    assert!(!submitter.taskrun_pending());
    eventfd.signal();
    assert!(
        submitter.taskrun_pending(),
        "the signal made work for the owner"
    );
    submitter.enter(0, Wait::No).unwrap();
    assert!(completer.is_empty(), "no completion without GETEVENTS");
    submitter.enter(0, Wait::Reap).unwrap();
    assert_eq!(completer.next().unwrap().user_data, 1);
    assert!(!submitter.taskrun_pending());
}

#[test]
fn overflow_shows_in_the_flag_and_loses_nothing() {
    if !usable("overflow_shows_in_the_flag_and_loses_nothing") {
        return;
    }
    let (mut submitter, mut completer) = options(8).cq_entries(8).build().unwrap().split();
    assert_eq!(completer.capacity(), 8);
    for batch in 0..4 {
        for i in 0..8 {
            push(&mut submitter, nop(batch * 8 + i));
        }
        // NOPs complete while they are submitted, whether there is room or not.
        submitter.enter(0, Wait::No).unwrap();
    }
    assert!(submitter.cq_overflow());
    let mut seen = Vec::new();
    while seen.len() < 32 {
        completer.drain_into(&mut seen, usize::MAX);
        submitter.enter(0, Wait::Reap).unwrap();
    }
    assert!(
        seen.iter().map(|cqe| cqe.user_data).eq(0..32),
        "in order, none lost"
    );
    assert!(!submitter.cq_overflow());
    assert_eq!(completer.dropped(), 0);
}

#[test]
fn an_invalid_entry_does_not_stop_its_batch() {
    if !usable("an_invalid_entry_does_not_stop_its_batch") {
        return;
    }
    let (mut submitter, mut completer) = ring(8);
    if !submitter.setup().submit_all {
        println!("SKIP an_invalid_entry_does_not_stop_its_batch: no SUBMIT_ALL");
        return;
    }
    push(
        &mut submitter,
        Sqe {
            opcode: 255,
            user_data: 1,
            ..Sqe::default()
        },
    );
    push(&mut submitter, nop(2));
    assert_eq!(submitter.enter(2, Wait::Forever).unwrap(), 2);
    let results =
        [completer.next().unwrap(), completer.next().unwrap()].map(|c| (c.user_data, c.result));
    assert_eq!(results, [(1, -libc::EINVAL), (2, 0)]);
}

#[test]
fn a_failed_link_cancels_the_rest_of_its_chain() {
    if !usable("a_failed_link_cancels_the_rest_of_its_chain") {
        return;
    }
    let (mut submitter, mut completer) = ring(8);
    let bad = Sqe {
        opcode: opcode::FSYNC,
        fd: -1,
        user_data: 1,
        flags: sqe_flags::IO_LINK,
        ..Sqe::default()
    };
    // SAFETY: they point to nothing.
    unsafe { submitter.push_all(&[bad, nop(2)]) }.unwrap();
    submitter.enter(2, Wait::Forever).unwrap();
    let results =
        [completer.next().unwrap(), completer.next().unwrap()].map(|c| (c.user_data, c.result));
    assert_eq!(results, [(1, -libc::EBADF), (2, -libc::ECANCELED)]);
}

#[test]
fn sync_cancel_waits_until_the_operations_have_completed() {
    if !usable("sync_cancel_waits_until_the_operations_have_completed") {
        return;
    }
    let (mut submitter, mut completer) = ring(8);
    let eventfd = EventFd::new().unwrap();
    for user_data in [1, 1, 2] {
        push(&mut submitter, poll(&eventfd, user_data));
    }
    submitter.enter(0, Wait::No).unwrap();
    match submitter.sync_cancel(1, Some(HANG)) {
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
            println!("SKIP sync_cancel_waits_until_the_operations_have_completed: {e}");
            return;
        }
        result => result.unwrap(),
    }
    for _ in 0..2 {
        let cqe = wait_one(&mut submitter, &mut completer);
        assert_eq!((cqe.user_data, cqe.result), (1, -libc::ECANCELED));
    }
    submitter.sync_cancel_all(Some(HANG)).unwrap();
    let cqe = wait_one(&mut submitter, &mut completer);
    assert_eq!((cqe.user_data, cqe.result), (2, -libc::ECANCELED));
    submitter
        .sync_cancel(1, Some(HANG))
        .expect("nothing is left, and that is fine");
    assert!(completer.is_empty());
}

#[test]
fn a_kernel_thread_submits_where_asked_for() {
    if !usable("a_kernel_thread_submits_where_asked_for") {
        return;
    }
    let sqpoll = SqPoll {
        idle: Duration::from_millis(1),
        cpu: None,
    };
    let (mut submitter, mut completer) = options(8).sqpoll(Some(sqpoll)).build().unwrap().split();
    if !submitter.setup().sqpoll {
        println!(
            "SKIP a_kernel_thread_submits_where_asked_for: {:?}",
            submitter.setup().notes
        );
        return;
    }
    for i in 0..100 {
        assert_eq!(run(&mut submitter, &mut completer, nop(i)).user_data, i);
        if i % 10 == 0 {
            // Long enough for it to sleep: the next enter has to wake it.
            submitter
                .enter(1, Wait::Until(Duration::from_millis(5)))
                .unwrap();
        }
    }
}
