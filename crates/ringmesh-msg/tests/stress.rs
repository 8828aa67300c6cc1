//! Real threads, small capacities: nothing lost, nothing doubled, every sender's order kept, every wait
//! ended. A lost wake shows as a hang.
#![cfg(not(ringmesh_loom))]

use std::{
    pin::pin,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

use futures_lite::future::{self, block_on};
use ringmesh_msg::{
    Bell, Endpoint, Host, Inbox, Keeper, Mailbox, Mesh, MeshOptions, Notify, ParkState,
    RemoteShard, SendError, ShardId,
};

const SENDERS: u32 = 3;
const EACH: u32 = 20_000;

/// Checks that each sender's values come once each and in order.
struct Ledger {
    next: [u32; SENDERS as usize],
}

impl Ledger {
    fn new() -> Self {
        Ledger {
            next: [0; SENDERS as usize],
        }
    }

    fn enter(&mut self, sender: u32, value: u32) {
        let next = &mut self.next[sender as usize];
        assert_eq!(value, *next, "of sender {sender}");
        *next += 1;
    }

    fn is_complete(&self) -> bool {
        self.next.iter().all(|next| *next == EACH)
    }
}

#[test]
fn many_senders_lose_nothing() {
    for capacity in [1, 3, 64] {
        let (mailbox, mut receiver) = Mailbox::new(capacity);
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                let mailbox = mailbox.clone();
                scope.spawn(move || {
                    for value in 0..EACH {
                        // Each third message is tried first, the others wait in line if they have to.
                        let message = match value % 3 {
                            0 => match mailbox.try_send((sender, value)) {
                                Ok(()) => continue,
                                Err(SendError::Full(message)) => message,
                                Err(SendError::Closed(_)) => panic!("nobody closes it"),
                            },
                            _ => (sender, value),
                        };
                        block_on(mailbox.send(message)).unwrap();
                    }
                });
            }
            let mut ledger = Ledger::new();
            while !ledger.is_complete() {
                let (sender, value) = block_on(receiver.recv()).unwrap();
                ledger.enter(sender, value);
            }
        });
        let stats = mailbox.stats();
        assert_eq!(stats.sent, u64::from(SENDERS * EACH));
        assert_eq!(stats.received, stats.sent);
        assert_eq!(receiver.try_recv(), None);
    }
}

/// Senders give up while they wait; what they gave up is not received, all else is.
#[test]
fn senders_that_give_up_hold_up_nobody() {
    let (mailbox, mut receiver) = Mailbox::new(1);
    let delivered = AtomicUsize::new(0);
    let mut received = 0;
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (mailbox, delivered) = (mailbox.clone(), &delivered);
                scope.spawn(move || {
                    for value in 0..EACH {
                        let mut sending = pin!(mailbox.send((sender, value)));
                        let mut cx = Context::from_waker(Waker::noop());
                        if value % 2 == 0 {
                            block_on(sending).unwrap();
                            delivered.fetch_add(1, Ordering::Relaxed);
                        } else if sending.as_mut().poll(&mut cx).is_ready() {
                            delivered.fetch_add(1, Ordering::Relaxed);
                        } else {
                            // Dropped here: taken back, or received already; nobody can tell.
                        }
                    }
                })
            })
            .collect();
        let mut last = [None; SENDERS as usize];
        while received < delivered.load(Ordering::Relaxed)
            || senders.iter().any(|sender| !sender.is_finished())
        {
            let Some((sender, value)) = receiver.try_recv() else {
                thread::yield_now();
                continue;
            };
            let last = &mut last[sender as usize];
            assert!(
                *last < Some(value),
                "{value} after {last:?} of sender {sender}"
            );
            *last = Some(value);
            received += 1;
        }
    });
    received += std::iter::from_fn(|| receiver.try_recv()).count();
    assert!(received >= delivered.into_inner());
}

/// The mailbox is closed in the middle of everything: delivered and received agree exactly.
#[test]
fn closing_under_load_loses_nothing() {
    for round in 0..200 {
        let (mailbox, mut receiver) = Mailbox::new(2);
        let barrier = Barrier::new(SENDERS as usize + 1);
        let delivered: usize = thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let (mailbox, barrier) = (mailbox.clone(), &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        (0..EACH)
                            .take_while(|value| block_on(mailbox.send((sender, *value))).is_ok())
                            .count()
                    })
                })
                .collect();
            barrier.wait();
            let mut received = 0;
            while let Some(_message) = block_on(receiver.recv()) {
                received += 1;
                if received == round {
                    mailbox.close();
                }
                if round == 0 {
                    mailbox.close();
                }
            }
            let delivered: usize = senders
                .into_iter()
                .map(|sender| sender.join().unwrap())
                .sum();
            assert_eq!(received, delivered);
            delivered
        });
        assert!(delivered < (SENDERS * EACH) as usize);
    }
}

#[test]
fn blocking_receivers_are_always_woken() {
    let (mesh, mut endpoints) = Mesh::new(1, MeshOptions { capacity: 4 }).unwrap();
    let mut endpoint = endpoints.remove(0);
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let remote = mesh.shard(ShardId::new(0)).unwrap();
            scope.spawn(move || {
                for value in 0..EACH {
                    let tag = sender as u16;
                    block_on(remote.send_raw(tag, value)).unwrap();
                    if value % 1024 == 0 {
                        // Quiet for longer than the receiver spins, as a rule: let it park.
                        (0..256).for_each(|_| thread::yield_now());
                    }
                }
            });
        }
        let mut ledger = Ledger::new();
        while !ledger.is_complete() {
            let raw = endpoint.recv_blocking(None).unwrap().raw().unwrap();
            ledger.enter(u32::from(raw.tag), raw.val);
        }
    });
}

#[derive(Debug)]
struct Unpark(thread::Thread);

impl Bell for Unpark {
    fn ring(&self) {
        self.0.unpark();
    }
}

/// A shard's loop: answer calls, poll, park at once when there is nothing.
fn run_host(
    park: &ParkState,
    keeper: &Keeper,
    endpoint: &mut Endpoint,
    ledger: &mut Ledger,
) -> u32 {
    let woken = Arc::new(parking::Flag::default());
    let waker = Waker::from(woken.clone());
    let mut cx = Context::from_waker(&waker);
    let mut parks = 0;
    woken.raise();
    while !ledger.is_complete() {
        keeper.answer();
        if woken.take() {
            while let Poll::Ready(message) = endpoint.poll_next(&mut cx) {
                let raw = message.unwrap().raw().unwrap();
                ledger.enter(u32::from(raw.tag), raw.val);
            }
            continue;
        }
        park.prepare();
        if !keeper.is_called() {
            parks += 1;
            while park.is_parked() {
                thread::park();
            }
        }
        park.unpark();
    }
    parks
}

mod parking {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::Wake,
    };

    /// "Poll the task", on the shard's own thread.
    #[derive(Default)]
    pub(super) struct Flag(AtomicBool);

    impl Flag {
        pub(super) fn raise(&self) {
            self.0.store(true, Ordering::Relaxed);
        }

        pub(super) fn take(&self) -> bool {
            self.0.swap(false, Ordering::Relaxed)
        }
    }

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.raise();
        }
    }
}

#[test]
fn hosted_receivers_are_always_woken() {
    let park = Arc::new(ParkState::new());
    let host = Host {
        park: park.clone(),
        bell: Arc::new(Unpark(thread::current())),
    };
    let (mesh, mut ends) = Mesh::hosted(vec![host], MeshOptions { capacity: 4 }).unwrap();
    let (mut endpoint, keeper) = ends.remove(0);
    let (parks, stats) = thread::scope(|scope| {
        for sender in 0..SENDERS {
            let remote = mesh.shard(ShardId::new(0)).unwrap();
            scope.spawn(move || send_all(&remote, sender));
        }
        let mut ledger = Ledger::new();
        let parks = run_host(&park, &keeper, &mut endpoint, &mut ledger);
        (parks, mesh.stats(ShardId::new(0)).unwrap())
    });
    assert!(
        stats.bells <= u64::from(parks) + 1,
        "{stats:?} in {parks} parks"
    );
}

fn send_all(remote: &RemoteShard, sender: u32) {
    for value in 0..EACH {
        block_on(remote.send_raw(sender as u16, value)).unwrap();
        if value % 16 == 0 {
            block_on(future::yield_now());
            thread::yield_now();
        }
    }
}

#[test]
fn inbox_and_park_lose_nothing() {
    let inbox = Inbox::new();
    let park = ParkState::new();
    let owner = thread::current();
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (inbox, park, owner) = (&inbox, &park, &owner);
            scope.spawn(move || {
                for value in 0..EACH {
                    inbox.push((sender, value)).unwrap();
                    if park.notify() == Notify::Ring {
                        owner.unpark();
                    }
                }
            });
        }
        let mut ledger = Ledger::new();
        let mut batch = Vec::new();
        while !ledger.is_complete() {
            inbox.drain(&mut batch);
            for (sender, value) in batch.drain(..) {
                ledger.enter(sender, value);
            }
            park.prepare();
            if inbox.is_empty() && !ledger.is_complete() {
                while park.is_parked() {
                    thread::park();
                }
            }
            park.unpark();
        }
    });
    assert!(inbox.is_empty());
}
