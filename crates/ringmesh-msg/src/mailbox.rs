//! A bounded queue with many senders and one receiver.
//!
//! The way of a message that finds room costs one CAS and two swaps, and neither a lock, a fence nor an
//! allocation: 6.5 ns on one thread, about 75 ns from one core to a near one (AMD Zen 4). The files:
//!
//! - `ring.rs`: the slots, and how one side learns that the other sleeps (a flag in the word that changes).
//! - `waiters.rs`: senders that found no room. Their messages wait in a list under a lock; the receiver
//!   moves them into the ring as it pops, oldest first. Nobody overtakes: while somebody waits, a
//!   `try_send` is told that the mailbox is full.
//!
//! Rejected: giving a waiting sender a permit when room appears. A sender that is not polled then sits on
//! its permit, and one that is dropped has to pass it on.
//!
//! Wakers are called without a lock held, and a panic in one stays there.

#[expect(
    unsafe_code,
    reason = "it keeps the promise that a ring has one receiver"
)]
mod receiver;
#[expect(unsafe_code, reason = "messages move through uninitialized slots")]
mod ring;
mod sending;
mod waiters;

use std::{fmt, task::Waker};

use crossbeam_utils::CachePadded;

pub use self::{
    receiver::{Receiver, Recv},
    sending::Sending,
};
use self::{
    ring::{Refused, Ring},
    sending::State,
    waiters::{Fate, Waiters},
};
use crate::{
    Host, SendError, Stats,
    keeper::Hosted,
    shim::{Arc, AtomicBool, AtomicUsize, Mutex, Ordering},
    waker_cell::{WakerCell, discard, wake},
};

/// The sending side of a bounded mailbox. Clones lead to the same mailbox.
///
/// ```
/// use ringmesh_msg::{Mailbox, SendError};
///
/// let (mailbox, mut receiver) = Mailbox::new(1);
/// mailbox.try_send("first").unwrap();
/// assert_eq!(mailbox.try_send("second"), Err(SendError::Full("second")));
/// assert_eq!(receiver.try_recv(), Some("first"));
/// ```
///
/// The messages of one sender arrive in the order in which it sent them.
pub struct Mailbox<T> {
    shared: Arc<Shared<T>>,
}

pub(crate) struct Shared<T> {
    ring: Ring<T>,
    /// Read at every message, written hardly ever, so it has its line for itself.
    gate: CachePadded<Gate>,
    waiters: Mutex<Waiters<T>>,
    full: AtomicUsize,
    /// The receiver's.
    bedside: CachePadded<Bedside>,
    host: Option<Hosted>,
}

struct Gate {
    /// How many senders wait. Written under the lock, read without it.
    waiting: AtomicUsize,
    /// The ring is closed. Kept here too, as a look at the ring's tail costs the senders their line.
    closed: AtomicBool,
}

struct Bedside {
    waker: WakerCell,
    /// The position at which the receiver sleeps on its host's own thread, which will look there; with
    /// `AT_HOME`. 0 if it does not.
    home: AtomicUsize,
    /// Messages that found the receiver asleep. Only the receiver writes it.
    wakes: AtomicUsize,
}

/// Tells position 0 from none. Positions have their low bits free.
const AT_HOME: usize = 1;

impl<T: Send> Mailbox<T> {
    /// A mailbox with room for `capacity` messages, and its receiver.
    ///
    /// # Panics
    ///
    /// If `capacity` is 0.
    pub fn new(capacity: usize) -> (Mailbox<T>, Receiver<T>) {
        Mailbox::build(capacity, None)
    }

    /// A mailbox whose senders tell a host, and not the receiver's waker, that mail has come.
    pub(crate) fn hosted(capacity: usize, host: Host) -> (Mailbox<T>, Receiver<T>) {
        Mailbox::build(capacity, Some(Hosted::new(host)))
    }

    fn build(capacity: usize, host: Option<Hosted>) -> (Mailbox<T>, Receiver<T>) {
        let shared = Arc::new(Shared {
            ring: Ring::new(capacity),
            gate: CachePadded::new(Gate {
                waiting: AtomicUsize::new(0),
                closed: AtomicBool::new(false),
            }),
            waiters: Mutex::new(Waiters::new()),
            full: AtomicUsize::new(0),
            bedside: CachePadded::new(Bedside {
                waker: WakerCell::new(),
                home: AtomicUsize::new(0),
                wakes: AtomicUsize::new(0),
            }),
            host,
        });
        let receiver = Receiver::new(shared.clone());
        (Mailbox { shared }, receiver)
    }

    /// Puts a message in if there is room and nobody waits for it; otherwise gives it back.
    #[inline]
    pub fn try_send(&self, message: T) -> Result<(), SendError<T>> {
        if self.try_put(message)? {
            self.shared.wake_receiver();
        }
        Ok(())
    }

    /// Puts a message in, at once if there is room, otherwise in its turn.
    ///
    /// The future resolves when the message is in the mailbox, or with [`SendError::Closed`] and the
    /// message. **Dropping it takes a message back that is not in yet**; this is what makes it safe to
    /// cancel.
    #[inline]
    pub fn send(&self, message: T) -> Sending<T> {
        Sending::new(match self.try_send(message) {
            Ok(()) => State::Delivered,
            Err(SendError::Closed(message)) => State::Refused(message),
            Err(SendError::Full(message)) => self.line_up(message),
        })
    }

    /// As [`try_send`](Self::try_send), but leaves the wake to the caller, if it returns true.
    #[inline]
    pub(crate) fn try_put(&self, message: T) -> Result<bool, SendError<T>> {
        // Acquire pairs with the Release in `note_waiting`: whoever sees the list empty comes after its
        // last message in the ring.
        if self.shared.gate.waiting.load(Ordering::Acquire) == 0 {
            match self.shared.ring.push(message) {
                Ok(wakes) => Ok(wakes),
                Err(Refused::Closed(message)) => Err(SendError::Closed(message)),
                Err(Refused::Full(message, _)) => Err(self.shared.refuse(message)),
            }
        } else if self.is_closed() {
            Err(SendError::Closed(message))
        } else {
            Err(self.shared.refuse(message))
        }
    }

    pub(crate) fn wake_receiver(&self) {
        self.shared.wake_receiver();
    }

    /// Resolves when all messages that wait now are in the mailbox.
    pub(crate) fn flush(&self) -> Sending<T> {
        let mut waiters = self.shared.waiters.lock();
        if waiters.is_closed() || self.is_closed() {
            return Sending::new(State::FlushRefused);
        }
        if waiters.is_empty() {
            return Sending::new(State::Delivered);
        }
        let id = waiters.append(None);
        self.shared.note_waiting(&waiters);
        Sending::new(self.waits(id))
    }

    /// The slow half of `send`: once more under the lock, then to the end of the line.
    #[cold]
    fn line_up(&self, mut message: T) -> State<T> {
        let shared = &*self.shared;
        let mut waiters = shared.waiters.lock();
        if waiters.is_closed() {
            return State::Refused(message);
        }
        // The first in line leaves word on the head that has to move. Those behind need not: the
        // receiver comes for the first, and keeps coming until the list is empty.
        while waiters.is_empty() {
            match shared.ring.push(message) {
                Ok(wakes) => {
                    drop(waiters);
                    if wakes {
                        shared.wake_receiver();
                    }
                    return State::Delivered;
                }
                Err(Refused::Closed(message)) => return State::Refused(message),
                Err(Refused::Full(again, stuck)) => {
                    message = again;
                    if shared.ring.await_room(stuck) {
                        break;
                    }
                }
            }
        }
        let id = waiters.append(Some(message));
        shared.note_waiting(&waiters);
        self.waits(id)
    }

    fn waits(&self, id: u64) -> State<T> {
        let mailbox = self.clone();
        State::Waiting { mailbox, id }
    }
}

impl<T> Mailbox<T> {
    /// Closes the mailbox: from now on messages are given back, also to those who wait. The receiver
    /// gets what is in it, and then `None`.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// How many messages it has room for.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }

    /// What it has counted so far. The parts are read one after the other, so they may be a message
    /// apart.
    pub fn stats(&self) -> Stats {
        let received = self.shared.ring.popped();
        Stats {
            sent: self.shared.ring.pushed(),
            received,
            full: self.shared.full.load(Ordering::Relaxed) as u64,
            wakes: self.shared.bedside.wakes.load(Ordering::Relaxed) as u64,
            bells: self.shared.host.as_ref().map_or(0, Hosted::bells),
        }
    }

    pub(crate) fn host(&self) -> Option<&Hosted> {
        self.shared.host.as_ref()
    }

    /// Host: whether mail has come for a receiver that sleeps at home. If the host is about to park, it
    /// leaves word first, so that the next sender calls.
    #[inline]
    pub(crate) fn has_mail_at_home(&self, is_parked: impl FnOnce() -> bool) -> bool {
        let home = self.shared.bedside.home.load(Ordering::Relaxed);
        home != 0 && {
            let position = home & !AT_HOME;
            self.shared.ring.is_filled(position)
                || (is_parked() && !self.shared.ring.await_mail(position))
        }
    }

    /// Host: wakes the receiver, at home or not; says whether there was somebody to wake.
    pub(crate) fn wake_at_home(&self) -> bool {
        self.shared.bedside.home.store(0, Ordering::Relaxed);
        self.shared.bedside.waker.wake()
    }

    /// Wakes the receiver without its host.
    pub(crate) fn wake_directly(&self) -> bool {
        self.shared.bedside.waker.wake()
    }
}

impl<T> Shared<T> {
    /// Sender: a message has come that the receiver sleeps on.
    #[cold]
    fn wake_receiver(&self) {
        match &self.host {
            Some(host) => host.call(&self.bedside.waker),
            None => {
                self.bedside.waker.wake();
            }
        }
    }

    /// Receiver, which has left its waker: sees to it that it is woken when `position` is filled. False if
    /// it has been.
    fn lie_down(&self, position: usize) -> bool {
        if self.host.as_ref().is_some_and(Hosted::is_home) {
            // The host's loop runs on this thread, so after us, and looks at the slot by itself.
            self.bedside
                .home
                .store(position | AT_HOME, Ordering::Relaxed);
            !self.ring.is_filled(position)
        } else {
            self.ring.await_mail(position)
        }
    }

    #[cold]
    fn refuse(&self, message: T) -> SendError<T> {
        self.full.fetch_add(1, Ordering::Relaxed);
        SendError::Full(message)
    }

    /// Receiver: moves the messages of those who wait into the ring. True if some have to wait on; then
    /// the ring is full again, so another pop will come.
    #[cold]
    fn serve(&self) -> bool {
        let mut woken = Vec::new();
        let mut wakes = false;
        let mut waiters = self.waiters.lock();
        if !waiters.is_closed() {
            waiters.serve(
                |message| match self.ring.push(message) {
                    Ok(sleeps) => {
                        wakes |= sleeps;
                        Ok(())
                    }
                    Err(Refused::Full(message, _) | Refused::Closed(message)) => Err(message),
                },
                &mut woken,
            );
            self.note_waiting(&waiters);
        }
        let backlog = !waiters.is_empty();
        drop(waiters);
        if wakes {
            self.wake_receiver();
        }
        woken.into_iter().for_each(wake);
        backlog
    }

    /// Takes one out of the line: its future was dropped.
    fn withdraw(&self, id: u64) {
        let mut woken = Vec::new();
        let mut waiters = self.waiters.lock();
        let waiting = waiters.withdraw(id, &mut woken);
        self.note_waiting(&waiters);
        drop(waiters);
        woken.into_iter().for_each(wake);
        if let Some(waiting) = waiting {
            waiting.waker.into_iter().for_each(discard);
            drop(waiting.message);
        }
    }

    fn check(&self, id: u64, waker: &Waker) -> Fate<T> {
        let waker = waker.clone(); // foreign code, so before the lock
        let mut waiters = self.waiters.lock();
        let (fate, unused) = waiters.check(id, waker);
        self.note_waiting(&waiters);
        drop(waiters);
        unused.into_iter().for_each(discard);
        fate
    }

    fn close(&self) {
        self.ring.close();
        // Release pairs with the Acquire in `is_finished`.
        self.gate.closed.store(true, Ordering::Release);
        let wakers = self.waiters.lock().close();
        wakers.into_iter().for_each(wake);
        self.bedside.waker.wake();
    }

    fn note_waiting(&self, waiters: &Waiters<T>) {
        // Release pairs with the Acquire in `try_put`.
        self.gate.waiting.store(waiters.len(), Ordering::Release);
    }
}

impl Bedside {
    /// Receiver: a message has come that it slept on.
    fn get_up(&self) {
        self.home.store(0, Ordering::Relaxed);
        let wakes = self.wakes.load(Ordering::Relaxed);
        self.wakes.store(wakes.wrapping_add(1), Ordering::Relaxed);
    }
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        let shared = self.shared.clone();
        Mailbox { shared }
    }
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
