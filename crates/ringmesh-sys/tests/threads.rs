//! A ring and several threads: enabling, owning, messages.

#[path = "support/kernel.rs"]
mod kernel;

use std::{
    os::fd::{AsFd, AsRawFd},
    sync::mpsc,
    thread,
};

use kernel::*;
use ringmesh_sys::{
    Completer, Feature, RingFd, Sqe, Submitter, Wait, eventfd::EventFd, msg_ring_sync, opcode,
};

/// Runs a ring on a thread of its own: made here, enabled there.
fn with_ring_elsewhere<R: Send>(
    here: impl FnOnce(RingFd) -> R + Send,
    there: impl FnOnce(Submitter, Completer) + Send,
) -> R {
    let ring = options(8).disabled(true).build().unwrap();
    let fd = ring.fd_handle();
    let (enabled, wait) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            ring.enable().unwrap();
            let (mut submitter, completer) = ring.split();
            let _older_kernel = submitter.register_ring_fd();
            enabled.send(()).unwrap();
            there(submitter, completer);
        });
        wait.recv().unwrap();
        here(fd)
    })
}

#[test]
fn a_disabled_ring_is_owned_by_the_thread_that_enables_it() {
    if !usable("a_disabled_ring_is_owned_by_the_thread_that_enables_it") {
        return;
    }
    let ring = options(8).disabled(true).build().unwrap();
    assert!(ring.setup().disabled);
    let single = ring.setup().single_issuer;
    let (mut submitter, completer) = thread::spawn(move || {
        ring.enable().unwrap();
        assert_eq!(
            ring.enable().unwrap_err().raw_os_error(),
            Some(libc::EBADFD),
            "enabled already"
        );
        let (mut submitter, mut completer) = ring.split();
        submitter.register_ring_fd().unwrap();
        assert_eq!(run(&mut submitter, &mut completer, nop(7)).user_data, 7);
        (submitter, completer)
    })
    .join()
    .unwrap();
    // Here it is somebody else's ring, and the index that its owner registered means nothing.
    let result = submitter.enter(0, Wait::Reap);
    if single {
        assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EEXIST));
    }
    assert!(completer.is_empty());
}

#[test]
fn a_disabled_ring_can_do_nothing() {
    if !usable("a_disabled_ring_can_do_nothing") {
        return;
    }
    let ring = options(8).disabled(true).build().unwrap();
    let fd = ring.fd_handle();
    let (mut submitter, _completer) = ring.split();
    push(&mut submitter, nop(1));
    assert_eq!(
        submitter.enter(0, Wait::No).unwrap_err().raw_os_error(),
        Some(libc::EBADFD)
    );
    assert_eq!(submitter.pending(), 1, "it was not taken");
    let (mut other, mut completions) = ring_with_room();
    let cqe = run(
        &mut other,
        &mut completions,
        Sqe::msg_ring(fd.as_fd().as_raw_fd(), 5, 0),
    );
    assert_eq!(cqe.result, -libc::EBADFD);
}

fn ring_with_room() -> (Submitter, Completer) {
    ring(8)
}

#[test]
fn a_registered_ring_is_used_on_its_thread_and_let_go_there() {
    if !usable("a_registered_ring_is_used_on_its_thread_and_let_go_there")
        || !has(
            "a_registered_ring_is_used_on_its_thread_and_let_go_there",
            Feature::RingFd,
        )
    {
        return;
    }
    // A thread has 16 places: that more rings than that find one in turn shows that each is let go.
    thread::spawn(|| {
        for i in 0..40 {
            let (mut submitter, mut completer) = ring(8);
            submitter.register_ring_fd().unwrap();
            submitter
                .register_ring_fd()
                .expect("the second time does nothing");
            assert_eq!(run(&mut submitter, &mut completer, nop(i)).user_data, i);
        }
    })
    .join()
    .unwrap();
}

#[test]
fn a_half_that_moved_does_not_use_or_end_another_rings_registration() {
    let name = "a_half_that_moved_does_not_use_or_end_another_rings_registration";
    if !usable(name) || !has(name, Feature::RingFd) {
        return;
    }
    let (mut mine, mut completions) = ring(8);
    mine.register_ring_fd().unwrap();
    // Both have index 0, each on its own thread.
    let mut theirs = thread::spawn(|| {
        let (mut submitter, _) = ring(8);
        submitter.register_ring_fd().unwrap();
        push(&mut submitter, nop(99));
        submitter
    })
    .join()
    .unwrap();
    push(&mut mine, nop(1));
    let _not_its_owner = theirs.enter(0, Wait::No);
    assert_eq!(mine.pending(), 1, "it must not have entered the other ring");
    drop(theirs);
    assert_eq!(
        wait_one(&mut mine, &mut completions).user_data,
        1,
        "and not have unregistered it"
    );
}

#[test]
fn completions_may_be_taken_by_another_thread() {
    if !usable("completions_may_be_taken_by_another_thread") {
        return;
    }
    let (mut submitter, mut completer) = ring(64);
    for i in 0..50 {
        push(&mut submitter, nop(i));
    }
    submitter.enter(50, Wait::Forever).unwrap();
    let taken = thread::spawn(move || {
        let mut taken = Vec::new();
        completer.drain_into(&mut taken, usize::MAX);
        taken
    });
    assert!(
        taken
            .join()
            .unwrap()
            .iter()
            .map(|cqe| cqe.user_data)
            .eq(0..50)
    );
}

#[test]
fn a_message_wakes_a_ring_that_waits_and_its_sender_hears_nothing() {
    let name = "a_message_wakes_a_ring_that_waits_and_its_sender_hears_nothing";
    if !usable(name) {
        return;
    }
    with_ring_elsewhere(
        |target| {
            let (mut submitter, mut completer) = ring(8);
            for i in 0..100 {
                push(
                    &mut submitter,
                    Sqe::msg_ring(target.as_fd().as_raw_fd(), 1000 + i, 7).with_user_data(1),
                );
                submitter.enter(0, Wait::No).unwrap();
            }
            assert_eq!(
                run(&mut submitter, &mut completer, nop(2)).user_data,
                2,
                "no success is reported"
            );
        },
        |mut submitter, mut completer| {
            for i in 0..100 {
                let cqe = wait_one(&mut submitter, &mut completer);
                assert_eq!((cqe.user_data, cqe.result), (1000 + i, 7));
            }
        },
    );
}

#[test]
fn a_message_without_a_ring_wakes_a_ring_that_waits() {
    let name = "a_message_without_a_ring_wakes_a_ring_that_waits";
    if !usable(name) || !has(name, Feature::MsgRingSync) {
        return;
    }
    with_ring_elsewhere(
        |target| {
            for i in 0..100 {
                msg_ring_sync(target.as_fd(), i, 3).unwrap();
            }
        },
        |mut submitter, mut completer| {
            for i in 0..100 {
                let cqe = wait_one(&mut submitter, &mut completer);
                assert_eq!((cqe.user_data, cqe.result), (i, 3));
            }
        },
    );
}

#[test]
fn a_message_to_what_is_no_ring_is_an_error() {
    let name = "a_message_to_what_is_no_ring_is_an_error";
    if !usable(name) {
        return;
    }
    let eventfd = EventFd::new().unwrap();
    let (mut submitter, mut completer) = ring(8);
    let cqe = run(
        &mut submitter,
        &mut completer,
        Sqe::msg_ring(eventfd.as_fd().as_raw_fd(), 1, 0).with_user_data(5),
    );
    assert_eq!((cqe.user_data, cqe.result), (5, -libc::EBADFD));
    if has(name, Feature::MsgRingSync) {
        let error = msg_ring_sync(eventfd.as_fd(), 1, 0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADFD));
    }
}

#[test]
fn an_eventfd_polled_by_a_ring_wakes_it_again_and_again() {
    if !usable("an_eventfd_polled_by_a_ring_wakes_it_again_and_again") {
        return;
    }
    const POLL_ADD_MULTI: u32 = 1;
    let eventfd = EventFd::new().unwrap();
    let (mut submitter, mut completer) = ring(8);
    push(
        &mut submitter,
        Sqe {
            opcode: opcode::POLL_ADD,
            fd: eventfd.as_raw_fd(),
            len: POLL_ADD_MULTI,
            op_flags: libc::POLLIN as u32 | libc::EPOLLET as u32,
            user_data: 9,
            ..Sqe::default()
        },
    );
    submitter.enter(0, Wait::No).unwrap();
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| eventfd.signal());
            let cqe = wait_one(&mut submitter, &mut completer);
            assert!(cqe.user_data == 9 && cqe.has_more());
        }
    });
}
