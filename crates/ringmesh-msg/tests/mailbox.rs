//! The mailbox, one step at a time: room, order, waiting, taking back, closing.
#![cfg(not(ringmesh_loom))]

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use ringmesh_msg::{
    Mailbox, SendError,
    mailbox::{Receiver, Sending},
};

/// A waker that counts.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count::default());
    (count.clone(), count.into())
}

fn wakes(count: &Count) -> usize {
    count.0.load(Ordering::Relaxed)
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

fn drain<T: Send>(receiver: &mut Receiver<T>) -> Vec<T> {
    std::iter::from_fn(|| receiver.try_recv()).collect()
}

/// Capacities that are no power of two, and laps around each.
#[test]
fn any_capacity_holds_exactly_that_many() {
    for capacity in [1, 2, 3, 5, 7, 8, 100] {
        let (mailbox, mut receiver) = Mailbox::new(capacity);
        assert_eq!(mailbox.capacity(), capacity);
        for lap in 0..5 {
            for value in 0..capacity {
                mailbox.try_send(lap * capacity + value).unwrap();
            }
            assert_eq!(mailbox.try_send(0), Err(SendError::Full(0)));
            let expected: Vec<_> = (lap * capacity..(lap + 1) * capacity).collect();
            assert_eq!(drain(&mut receiver), expected);
        }
        let stats = mailbox.stats();
        assert_eq!(stats.sent, 5 * capacity as u64);
        assert_eq!(stats.received, stats.sent);
        assert_eq!(stats.full, 5);
    }
}

/// The ring is not aligned to its laps when a message comes in and one goes out.
#[test]
fn order_is_kept_at_every_offset() {
    let (mailbox, mut receiver) = Mailbox::new(3);
    mailbox.try_send(0).unwrap();
    for value in 1..20 {
        mailbox.try_send(value).unwrap();
        assert_eq!(receiver.try_recv(), Some(value - 1));
    }
}

#[test]
#[should_panic(expected = "a capacity of at least 1")]
fn a_mailbox_without_room_is_refused() {
    let _ = Mailbox::<u8>::new(0);
}

#[test]
fn senders_that_wait_are_served_in_order() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    mailbox.try_send(0).unwrap();
    let (count, waker) = counter();
    let mut waiting: Vec<Sending<_>> = (1..4).map(|value| mailbox.send(value)).collect();
    for sending in &mut waiting {
        assert!(!sending.is_delivered());
        assert!(poll_with(sending, &waker).is_pending());
    }
    for (served, sending) in waiting.iter_mut().enumerate() {
        assert_eq!(receiver.try_recv(), Some(served));
        assert_eq!(wakes(&count), served + 1, "one wake for one place");
        assert_eq!(poll(sending), Poll::Ready(Ok(())));
    }
    assert_eq!(drain(&mut receiver), [3]);
}

/// A message waits in the line, not in its future: nobody has to poll for it to move.
#[test]
fn a_sender_that_is_not_polled_holds_up_nobody() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    let sent: Vec<_> = (0..3).map(|value| mailbox.send(value)).collect();
    assert_eq!(drain(&mut receiver), [0, 1, 2]);
    drop(sent);
    assert_eq!(
        receiver.try_recv(),
        None,
        "dropping what is delivered changes nothing"
    );
}

#[test]
fn nobody_overtakes_those_who_wait() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    mailbox.try_send(0).unwrap();
    let first = mailbox.send(1);
    let second = mailbox.send(2);
    assert_eq!(receiver.try_recv(), Some(0));
    assert_eq!(mailbox.try_send(9), Err(SendError::Full(9)));
    assert_eq!(receiver.try_recv(), Some(1));
    assert_eq!(receiver.try_recv(), Some(2));
    mailbox.try_send(3).unwrap();
    assert_eq!(receiver.try_recv(), Some(3));
    drop((first, second));
}

#[test]
fn a_dropped_send_takes_its_message_back() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    let message = Arc::new(());
    mailbox.try_send(message.clone()).unwrap();
    let dropped = mailbox.send(message.clone());
    let kept = mailbox.send(message.clone());
    assert_eq!(Arc::strong_count(&message), 4);
    drop(dropped);
    assert_eq!(Arc::strong_count(&message), 3);
    assert_eq!(drain(&mut receiver).len(), 2);
    drop(kept);
    assert_eq!(Arc::strong_count(&message), 1);
}

/// All who waited are gone, so there is room again for everybody.
#[test]
fn the_line_may_dissolve() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    mailbox.try_send(0).unwrap();
    drop([mailbox.send(1), mailbox.send(2)]);
    assert_eq!(receiver.try_recv(), Some(0));
    mailbox.try_send(3).unwrap();
    assert_eq!(drain(&mut receiver), [3]);
}

#[test]
fn closing_gives_messages_back_to_those_who_wait() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    mailbox.try_send(0).unwrap();
    let (count, waker) = counter();
    let mut polled = mailbox.send(1);
    assert!(poll_with(&mut polled, &waker).is_pending());
    let mut unpolled = mailbox.send(2);
    mailbox.close();
    assert_eq!(wakes(&count), 1);
    assert_eq!(poll(&mut polled), Poll::Ready(Err(SendError::Closed(1))));
    assert_eq!(poll(&mut unpolled), Poll::Ready(Err(SendError::Closed(2))));
    assert_eq!(mailbox.try_send(3), Err(SendError::Closed(3)));
    assert_eq!(
        poll(&mut mailbox.send(4)),
        Poll::Ready(Err(SendError::Closed(4)))
    );
    assert_eq!(
        poll(&mut receiver.recv()),
        Poll::Ready(Some(0)),
        "what is in is received"
    );
    assert_eq!(poll(&mut receiver.recv()), Poll::Ready(None));
    assert!(receiver.is_finished());
}

#[test]
fn dropping_the_receiver_closes_and_drops_what_is_in() {
    let message = Arc::new(());
    let (mailbox, receiver) = Mailbox::new(2);
    mailbox.try_send(message.clone()).unwrap();
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(mailbox.try_send(message).unwrap_err().is_closed());
}

#[test]
fn the_receiver_is_woken_once_for_what_it_slept_on() {
    let (mailbox, mut receiver) = Mailbox::new(4);
    let (count, waker) = counter();
    let mut cx = Context::from_waker(&waker);
    assert!(receiver.poll_recv(&mut cx).is_pending());
    mailbox.try_send(1).unwrap();
    mailbox.try_send(2).unwrap();
    assert_eq!(wakes(&count), 1, "the second finds it awake");
    assert_eq!(drain(&mut receiver), [1, 2]);
    mailbox.try_send(3).unwrap();
    assert_eq!(wakes(&count), 1, "nobody sleeps");
    assert_eq!(mailbox.stats().wakes, 1);
}

#[test]
fn only_the_last_waker_is_woken() {
    let (mailbox, mut receiver) = Mailbox::new(4);
    let (old, old_waker) = counter();
    let (new, new_waker) = counter();
    for waker in [&old_waker, &new_waker] {
        assert!(
            receiver
                .poll_recv(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    mailbox.try_send(1).unwrap();
    assert_eq!((wakes(&old), wakes(&new)), (0, 1));
}

/// A receive that is given up does not take its message with it.
#[test]
fn a_dropped_receive_loses_nothing() {
    let (mailbox, mut receiver) = Mailbox::new(4);
    {
        let mut recv = pin!(receiver.recv());
        assert!(poll(&mut recv.as_mut()).is_pending());
    }
    mailbox.try_send(1).unwrap();
    assert_eq!(receiver.try_recv(), Some(1));
}

/// Panics when it is woken.
struct Bomb;

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        panic!("the waker of somebody else");
    }
}

#[test]
fn a_panic_in_a_waker_stays_there() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    let bomb = Waker::from(Arc::new(Bomb));
    assert!(
        receiver
            .poll_recv(&mut Context::from_waker(&bomb))
            .is_pending()
    );
    mailbox.try_send(1).unwrap();
    let mut waits = mailbox.send(2);
    assert!(poll_with(&mut waits, &bomb).is_pending());
    assert_eq!(receiver.try_recv(), Some(1));
    assert_eq!(receiver.try_recv(), Some(2));
    let mut waits = [mailbox.send(3), mailbox.send(4)];
    assert!(poll_with(&mut waits[1], &bomb).is_pending());
    mailbox.close();
    assert_eq!(poll(&mut waits[1]), Poll::Ready(Err(SendError::Closed(4))));
}

/// Sends from inside its own wake, and drops a send there: no lock is held meanwhile.
struct Sender(Mailbox<u32>);

impl Wake for Sender {
    fn wake(self: Arc<Self>) {
        drop(self.0.send(9));
        let _ = self.0.try_send(9);
        self.0.close();
    }
}

#[test]
fn a_waker_may_use_the_mailbox() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    let waker = Waker::from(Arc::new(Sender(mailbox.clone())));
    mailbox.try_send(1).unwrap();
    let mut waits = mailbox.send(2);
    assert!(poll_with(&mut waits, &waker).is_pending());
    assert_eq!(receiver.try_recv(), Some(1));
    assert!(mailbox.is_closed());
    assert_eq!(drain(&mut receiver), [2]);
}

/// A message that panics when dropped: what is behind it is dropped later, not lost and not twice.
#[test]
fn a_message_that_panics_in_drop_spoils_no_other() {
    struct Fragile(Option<Arc<()>>);
    impl Drop for Fragile {
        fn drop(&mut self) {
            assert!(self.0.is_some(), "fragile");
        }
    }
    let witness = Arc::new(());
    let (mailbox, receiver) = Mailbox::new(2);
    mailbox.try_send(Fragile(None)).unwrap();
    mailbox.try_send(Fragile(Some(witness.clone()))).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_err());
    drop(mailbox);
    assert_eq!(Arc::strong_count(&witness), 1);
}

const fn is_send_sync<T: Send + Sync>() {}
const fn is_send<T: Send>() {}
const fn is_unpin<T: Unpin>() {}
const _: () = {
    is_send_sync::<Mailbox<std::cell::Cell<u8>>>();
    is_send_sync::<Receiver<std::cell::Cell<u8>>>();
    is_send::<Sending<u8>>();
    is_unpin::<Sending<std::marker::PhantomPinned>>();
};
