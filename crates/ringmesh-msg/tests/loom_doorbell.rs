//! No wake is lost between a shard that parks and those who bring it work, over the shipped
//! `ParkState`, `Inbox`, `Mesh`, `Keeper` and `Endpoint`.
//!
//! Run with `RUSTFLAGS="--cfg ringmesh_loom" cargo test -p ringmesh-msg --test loom_doorbell`. A lost wake
//! shows as a deadlock: loom finds an execution in which the owner waits for a bell that nobody rings.
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
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use ringmesh_msg::{
    Bell, Endpoint, Host, Inbox, Keeper, Mesh, MeshOptions, Notify, ParkState, RemoteShard, ShardId,
};

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

/// What a shard waits in: remembers a ring that comes before the wait, as an eventfd does.
#[derive(Debug)]
struct Doorbell {
    rung: Mutex<bool>,
    wait: Condvar,
}

impl Doorbell {
    fn new() -> Self {
        Doorbell {
            rung: Mutex::new(false),
            wait: Condvar::new(),
        }
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !*rung {
            rung = self.wait.wait(rung).unwrap();
        }
        *rung = false;
    }
}

impl Bell for Doorbell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.wait.notify_one();
    }
}

impl Wake for Doorbell {
    fn wake(self: StdArc<Self>) {
        self.ring();
    }
}

/// Drives a future on a thread that is no shard.
fn block_on<F: Future>(future: F) -> F::Output {
    let bell = StdArc::new(Doorbell::new());
    let waker = Waker::from(bell.clone());
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => bell.wait(),
        }
    }
}

/// A shard's loop around an inbox: drain, and park when there is nothing.
struct Owner {
    inbox: Inbox<u32>,
    park: ParkState,
    bell: Doorbell,
}

impl Owner {
    fn new() -> Self {
        Owner {
            inbox: Inbox::new(),
            park: ParkState::new(),
            bell: Doorbell::new(),
        }
    }

    fn send(&self, value: u32) {
        self.inbox.push(value).unwrap();
        if self.park.notify() == Notify::Ring {
            self.bell.ring();
        }
    }

    fn receive(&self, count: usize) -> Vec<u32> {
        let mut received = Vec::new();
        loop {
            let mut batch = Vec::new();
            self.inbox.drain(&mut batch);
            received.append(&mut batch);
            if received.len() >= count {
                return received;
            }
            self.park.prepare();
            if self.inbox.is_empty() {
                self.bell.wait();
            }
            self.park.unpark();
        }
    }
}

#[test]
fn inbox_and_park_lose_no_wake() {
    model("inbox_and_park_lose_no_wake", || {
        let owner = Arc::new(Owner::new());
        let sender = owner.clone();
        let sender = thread::spawn(move || sender.send(7));
        assert_eq!(owner.receive(1), [7]);
        sender.join().unwrap();
    });
}

#[test]
fn two_senders_lose_no_wake() {
    model("two_senders_lose_no_wake", || {
        let owner = Arc::new(Owner::new());
        let senders: Vec<_> = [1, 2]
            .into_iter()
            .map(|value| {
                let owner = owner.clone();
                thread::spawn(move || owner.send(value))
            })
            .collect();
        let mut received = owner.receive(2);
        received.sort_unstable();
        assert_eq!(received, [1, 2]);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

/// A bell for nothing costs one look, and does not use up the one that counts.
#[test]
fn a_spurious_bell_is_harmless() {
    model("a_spurious_bell_is_harmless", || {
        let owner = Arc::new(Owner::new());
        let (sender, stranger) = (owner.clone(), owner.clone());
        let sender = thread::spawn(move || sender.send(7));
        let stranger = thread::spawn(move || stranger.bell.ring());
        assert_eq!(owner.receive(1), [7]);
        sender.join().unwrap();
        stranger.join().unwrap();
    });
}

/// The sender that won the CAS rings in vain (a completion with a negative result) and rings again, while
/// another sender sees Running and stays silent.
#[test]
fn a_failing_bell_is_rung_again() {
    model("a_failing_bell_is_rung_again", || {
        let owner = Arc::new(Owner::new());
        let senders: Vec<_> = [1, 2]
            .into_iter()
            .map(|value| {
                let owner = owner.clone();
                thread::spawn(move || {
                    owner.inbox.push(value).unwrap();
                    if owner.park.notify() == Notify::Ring {
                        thread::yield_now(); // rung, failed, reported: everybody else may run meanwhile
                        owner.bell.ring();
                    }
                })
            })
            .collect();
        let mut received = owner.receive(2);
        received.sort_unstable();
        assert_eq!(received, [1, 2]);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

/// After `close`, a push either comes back or was among the leftovers, and whoever notified learns that
/// nobody looks any more.
#[test]
fn closing_strands_nothing() {
    model("closing_strands_nothing", || {
        let owner = Arc::new(Owner::new());
        let sender = owner.clone();
        let sender = thread::spawn(move || match sender.inbox.push(7) {
            Ok(()) => (true, sender.park.notify()),
            Err(7) => (false, Notify::Closed),
            Err(other) => panic!("{other} is not what was pushed"),
        });
        owner.park.close();
        let leftovers = owner.inbox.close();
        let (pushed, notify) = sender.join().unwrap();
        assert_eq!(pushed, leftovers == [7]);
        assert_ne!(notify, Notify::Ring);
    });
}

/// The waker of a task on a shard: marks it runnable. Only the shard's own thread wakes it.
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: StdArc<Self>) {
        // Relaxed: read on the shard's thread, or after the handshake.
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A shard's loop around a hosted mailbox: answer calls, poll the receiver's task, park.
struct Shard {
    park: StdArc<ParkState>,
    bell: StdArc<Doorbell>,
    endpoint: Endpoint,
    keeper: Keeper,
}

fn hosted(capacity: usize) -> (RemoteShard, Shard) {
    let park = StdArc::new(ParkState::new());
    let bell = StdArc::new(Doorbell::new());
    let host = Host {
        park: park.clone(),
        bell: bell.clone(),
    };
    let (mesh, mut ends) = Mesh::hosted(vec![host], MeshOptions { capacity }).unwrap();
    let (endpoint, keeper) = ends.remove(0);
    let remote = mesh.shard(ShardId::new(0)).unwrap();
    let shard = Shard {
        park,
        bell,
        endpoint,
        keeper,
    };
    (remote, shard)
}

impl Shard {
    fn receive(&mut self, count: usize) -> Vec<u32> {
        let task = StdArc::new(Task(AtomicBool::new(true)));
        let waker = Waker::from(task.clone());
        let mut cx = Context::from_waker(&waker);
        let mut received = Vec::new();
        while received.len() < count {
            self.keeper.answer();
            if task.0.load(Ordering::Relaxed) {
                task.0.store(false, Ordering::Relaxed);
                while received.len() < count {
                    match self.endpoint.poll_next(&mut cx) {
                        Poll::Ready(message) => {
                            received.push(message.unwrap().raw().unwrap().val);
                        }
                        Poll::Pending => break,
                    }
                }
                continue;
            }
            self.park.prepare();
            if !self.keeper.is_called() {
                self.bell.wait();
            }
            self.park.unpark();
        }
        received
    }
}

#[test]
fn a_hosted_receiver_is_woken() {
    model("a_hosted_receiver_is_woken", || {
        let (remote, mut shard) = hosted(2);
        let sender = thread::spawn(move || remote.try_send_raw(0, 7).unwrap());
        assert_eq!(shard.receive(1), [7]);
        sender.join().unwrap();
    });
}

/// The loop has answered a call, so the receiver sleeps at home: no word in the slot while the shard runs.
#[test]
fn a_receiver_at_home_is_woken() {
    model("a_receiver_at_home_is_woken", || {
        let (remote, mut shard) = hosted(2);
        let nobody = Waker::from(StdArc::new(Task(AtomicBool::new(false))));
        let mut cx = Context::from_waker(&nobody);
        assert!(shard.endpoint.poll_next(&mut cx).is_pending());
        remote.try_send_raw(0, 1).unwrap();
        assert!(shard.keeper.answer(), "called for a receiver that slept");
        assert_eq!(shard.receive(1), [1]);
        let sender = thread::spawn(move || {
            remote.try_send_raw(0, 2).unwrap();
            remote.try_send_raw(0, 3).unwrap();
        });
        assert_eq!(shard.receive(2), [2, 3]);
        sender.join().unwrap();
    });
}

/// The receiver is awaited on a thread that is no shard, while the host's loop answers for it.
#[test]
fn a_receiver_away_from_home_is_woken() {
    model("a_receiver_away_from_home_is_woken", || {
        let (remote, shard) = hosted(2);
        let Shard {
            park,
            bell,
            mut endpoint,
            keeper,
        } = shard;
        let done = Arc::new(AtomicBool::new(false));
        let (finished, away_park, away_bell) = (done.clone(), park.clone(), bell.clone());
        let away = thread::spawn(move || {
            let message = block_on(endpoint.next_message());
            finished.store(true, Ordering::Relaxed);
            if away_park.notify() == Notify::Ring {
                away_bell.ring();
            }
            message.unwrap().raw().unwrap().val
        });
        let sender = thread::spawn(move || remote.try_send_raw(0, 7).unwrap());
        while !done.load(Ordering::Relaxed) {
            keeper.answer();
            park.prepare();
            if !keeper.is_called() && !done.load(Ordering::Relaxed) {
                bell.wait();
            }
            park.unpark();
        }
        sender.join().unwrap();
        assert_eq!(away.join().unwrap(), 7);
    });
}

#[test]
fn a_keeper_that_leaves_strands_nobody() {
    model("a_keeper_that_leaves_strands_nobody", || {
        let (remote, shard) = hosted(1);
        let mut endpoint = shard.endpoint;
        let sender = thread::spawn(move || remote.try_send_raw(0, 7).unwrap());
        let keeper = shard.keeper;
        let leaves = thread::spawn(move || drop(keeper));
        let message = block_on(async { endpoint.next_message().await });
        assert_eq!(message.unwrap().raw().unwrap().val, 7);
        sender.join().unwrap();
        leaves.join().unwrap();
    });
}

/// The shipped blocking receive: its look after `prepare`, its parking.
#[test]
fn a_blocking_receiver_is_woken() {
    model("a_blocking_receiver_is_woken", || {
        let (mesh, mut endpoints) = Mesh::new(1, MeshOptions { capacity: 2 }).unwrap();
        let remote = mesh.shard(ShardId::new(0)).unwrap();
        let sender = thread::spawn(move || {
            remote.try_send_raw(0, 1).unwrap();
            remote.try_send_raw(0, 2).unwrap();
        });
        for expected in [1, 2] {
            let message = endpoints[0].recv_blocking(None).unwrap();
            assert_eq!(message.raw().unwrap().val, expected);
        }
        sender.join().unwrap();
    });
}

/// A receiver that is polled twice, with two wakers, is woken by the second.
#[test]
fn the_last_waker_is_woken() {
    model("the_last_waker_is_woken", || {
        let (mesh, mut endpoints) = Mesh::new(1, MeshOptions { capacity: 2 }).unwrap();
        let remote = mesh.shard(ShardId::new(0)).unwrap();
        let sender = thread::spawn(move || remote.try_send_raw(0, 7).unwrap());
        let message = block_on(async {
            let idle = StdArc::new(Task(AtomicBool::new(false)));
            let stale = Waker::from(idle);
            let mut first = pin!(endpoints[0].next_message());
            match first.as_mut().poll(&mut Context::from_waker(&stale)) {
                Poll::Ready(message) => message,
                Poll::Pending => first.await,
            }
        });
        assert_eq!(message.unwrap().raw().unwrap().val, 7);
        sender.join().unwrap();
    });
}
