//! The mailbox loses nothing, doubles nothing, keeps each sender's order, and wakes whoever waits, over the
//! shipped `Mailbox` and `Mesh`.
//!
//! Run with `RUSTFLAGS="--cfg ringmesh_loom" cargo test -p ringmesh-msg --test loom_mailbox`.
#![cfg(ringmesh_loom)]

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc as StdArc,
        atomic::{AtomicUsize as StdAtomicUsize, Ordering as StdOrdering},
    },
    task::{Context, Poll, Wake, Waker},
};

use loom::{
    sync::{Condvar, Mutex},
    thread,
};
use ringmesh_msg::{Mailbox, SendError, mailbox::Receiver};

/// Runs a model with 2 preemptions and prints how many executions it had.
fn model(name: &str, body: impl Fn() + Sync + Send + 'static) {
    let count = StdArc::new(StdAtomicUsize::new(0));
    let iterations = count.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(2);
    builder.check(move || {
        count.fetch_add(1, StdOrdering::Relaxed);
        body();
    });
    println!(
        "loom {name}: {} iterations",
        iterations.load(StdOrdering::Relaxed)
    );
}

struct Bell {
    rung: Mutex<bool>,
    wait: Condvar,
}

impl Wake for Bell {
    fn wake(self: StdArc<Self>) {
        *self.rung.lock().unwrap() = true;
        self.wait.notify_one();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let bell = StdArc::new(Bell {
        rung: Mutex::new(false),
        wait: Condvar::new(),
    });
    let waker = Waker::from(bell.clone());
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let mut rung = bell.rung.lock().unwrap();
        while !*rung {
            rung = bell.wait.wait(rung).unwrap();
        }
        *rung = false;
    }
}

fn receive<T: Send>(receiver: &mut Receiver<T>, count: usize) -> Vec<T> {
    (0..count)
        .map(|_| block_on(receiver.recv()).expect("nobody closes it"))
        .collect()
}

/// Each sender's messages arrive once each and in its order.
#[test]
fn two_senders_keep_their_order() {
    model("two_senders_keep_their_order", || {
        let (mailbox, mut receiver) = Mailbox::new(3);
        let other = mailbox.clone();
        let pair = thread::spawn(move || {
            mailbox.try_send(1).unwrap();
            mailbox.try_send(2).unwrap();
        });
        let single = thread::spawn(move || other.try_send(9).unwrap());
        let mut received = receive(&mut receiver, 3);
        received.retain(|value| *value != 9);
        assert_eq!(received, [1, 2]);
        pair.join().unwrap();
        single.join().unwrap();
    });
}

/// A ring of one slot goes through its laps while both sides sleep and are woken.
#[test]
fn a_sender_that_waits_for_room_is_woken() {
    model("a_sender_that_waits_for_room_is_woken", || {
        let (mailbox, mut receiver) = Mailbox::new(1);
        let sender = thread::spawn(move || {
            for value in 1..=3 {
                block_on(mailbox.send(value)).unwrap();
            }
        });
        assert_eq!(receive(&mut receiver, 3), [1, 2, 3]);
        sender.join().unwrap();
    });
}

/// One waits in line already when the other comes.
#[test]
fn two_senders_that_wait_for_room_are_woken() {
    model("two_senders_that_wait_for_room_are_woken", || {
        let (mailbox, mut receiver) = Mailbox::new(1);
        mailbox.try_send(0).unwrap();
        let first = mailbox.send(1);
        let first = thread::spawn(move || block_on(first).unwrap());
        let second = mailbox.send(2);
        assert_eq!(receive(&mut receiver, 3), [0, 1, 2]);
        block_on(second).unwrap();
        first.join().unwrap();
    });
}

/// A message is received or taken back, never both and never neither; and the next in line is served.
#[test]
fn a_withdrawn_message_holds_up_nobody() {
    model("a_withdrawn_message_holds_up_nobody", || {
        let (mailbox, mut receiver) = Mailbox::new(1);
        mailbox.try_send(0).unwrap();
        let first = mailbox.send(1);
        let second = mailbox.send(2);
        let quitter = thread::spawn(move || drop(first));
        let patient = thread::spawn(move || block_on(second).unwrap());
        assert_eq!(receive(&mut receiver, 1), [0]);
        let mut next = receive(&mut receiver, 1);
        if next == [1] {
            next = receive(&mut receiver, 1);
        }
        assert_eq!(next, [2]);
        quitter.join().unwrap();
        patient.join().unwrap();
        assert_eq!(receiver.try_recv(), None);
    });
}

/// Closing against a send that has to wait: delivered and received, or given back.
#[test]
fn closing_gives_back_what_is_not_in() {
    model("closing_gives_back_what_is_not_in", || {
        let (mailbox, mut receiver) = Mailbox::new(1);
        mailbox.try_send(1).unwrap();
        let closer = mailbox.clone();
        let sender = thread::spawn(move || block_on(mailbox.send(2)));
        let closer = thread::spawn(move || closer.close());
        let mut received = Vec::new();
        while let Some(value) = block_on(receiver.recv()) {
            received.push(value);
        }
        match sender.join().unwrap() {
            Ok(()) => assert_eq!(received, [1, 2]),
            Err(error) => {
                assert_eq!(error, SendError::Closed(2));
                assert_eq!(received, [1]);
            }
        }
        closer.join().unwrap();
    });
}

/// The receiver goes away while a sender sends: every message is dropped once.
#[test]
fn a_receiver_that_leaves_drops_nothing_twice() {
    model("a_receiver_that_leaves_drops_nothing_twice", || {
        let message = StdArc::new(());
        let (mailbox, receiver) = Mailbox::new(1);
        let copies = message.clone();
        let sender = thread::spawn(move || {
            for _ in 0..2 {
                let _ = block_on(mailbox.send(copies.clone()));
            }
        });
        drop(receiver);
        sender.join().unwrap();
        assert_eq!(StdArc::strong_count(&message), 1);
    });
}

/// A closing that comes while the receiver goes to sleep wakes it.
#[test]
fn closing_wakes_the_receiver() {
    model("closing_wakes_the_receiver", || {
        let (mailbox, mut receiver) = Mailbox::<u32>::new(1);
        let closer = thread::spawn(move || mailbox.close());
        assert_eq!(block_on(receiver.recv()), None);
        closer.join().unwrap();
    });
}
