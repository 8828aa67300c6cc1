//! A mailbox whose receiver lives on a shard that looks after it.
//!
//! Waking a task of another shard through its waker means an entry in that shard's inbox: a lock, a few
//! cache lines, and the handshake. But that shard's loop runs anyway, or can be rung. So the loop looks
//! after the receiver, in one of two ways.
//!
//! **The receiver was polled at home**, on the thread of its host. Then it leaves no word with the senders
//! at all: the loop, which runs on the same thread and therefore after it, looks at the next slot each
//! turn and wakes the receiver when it is filled. A message to a running shard costs its sender no fence
//! and no second cache line. Only when the loop parks does it leave word in the slot.
//!
//! **The receiver was polled elsewhere.** Then it leaves word in the slot itself.
//!
//! A sender that finds word leaves the rest to the host:
//!
//! ```text
//!   sender                                    the host's loop
//!   1. message into the mailbox               each turn: called? then wake the receiver
//!   2. word found: called = true              before it parks:
//!   3. ParkState::notify, ring if it says so  1. ParkState::prepare
//!                                             2. called, or the slot filled? then do not park;
//!                                                otherwise leave word
//! ```
//!
//! Steps 2 and 3 against 1 and 2 are the handshake of [`park`](crate::park), with `called` as the work.

use std::{fmt, sync::Arc};

use crossbeam_utils::CachePadded;

use crate::{
    Bell, Mailbox, Notify, ParkState, Received,
    shim::{AtomicBool, AtomicUsize, Ordering, thread_number},
    waker_cell::{WakerCell, contain},
};

/// Whom a sender tells that mail has come: the loop of the shard on which the receiver lives.
///
/// For [`Mesh::hosted`](crate::Mesh::hosted).
#[derive(Clone, Debug)]
pub struct Host {
    /// The handshake of the shard's loop.
    pub park: Arc<ParkState>,
    /// Rung when `park` says so, on the sender's thread, and at once.
    pub bell: Arc<dyn Bell>,
}

/// The shard's end of a hosted mailbox.
///
/// The shard's loop looks at [`is_called`](Self::is_called) each turn, and once more after
/// [`ParkState::prepare`], as it does with every source of work; if it says so, the loop calls
/// [`answer`](Self::answer). All looks come from one thread, the shard's.
///
/// What the receiver's task gets out of it is speed; what it costs is that a receiver which is awaited on
/// the shard's thread, but not by the shard's loop (in a `block_on` inside a task), is not woken while the
/// loop does not run.
///
/// Dropping the keeper leaves the mailbox open: from then on senders wake the receiver themselves.
pub struct Keeper {
    mailbox: Mailbox<Received>,
}

/// The shared part, beside the mailbox's ring.
pub(crate) struct Hosted {
    host: Host,
    /// Mail has come for a receiver that had left word. Padded: the loop looks here all the time.
    called: CachePadded<AtomicBool>,
    /// The number of the thread on which the host's loop runs; 0 until it has answered once.
    home: AtomicUsize,
    dismissed: AtomicBool,
    bells: AtomicUsize,
}

impl Keeper {
    pub(crate) fn new(mailbox: Mailbox<Received>) -> Self {
        assert!(mailbox.host().is_some(), "a keeper needs a hosted mailbox");
        Keeper { mailbox }
    }

    /// Whether mail has come for a receiver that sleeps: three loads. If the shard's state is Parked, it
    /// also makes sure that the next sender calls.
    ///
    /// # Panics
    ///
    /// If the shard is about to park on another thread than the one on which it has answered before.
    #[inline]
    pub fn is_called(&self) -> bool {
        let hosted = self.hosted();
        // Relaxed: before a park the fence of `ParkState::prepare` orders it; otherwise it is a hint.
        hosted.called.load(Ordering::Relaxed)
            || self.mailbox.has_mail_at_home(|| hosted.is_parking())
    }

    /// Wakes the receiver if mail has come for it; says whether there was somebody to wake.
    ///
    /// Runs a waker, which is foreign code: not under a borrow of anything that it could want.
    #[inline]
    pub fn answer(&self) -> bool {
        self.is_called() && self.answer_call()
    }

    /// Closes the mailbox: senders get `Closed` with their message, the receiver gets what is in it and
    /// then `None`.
    pub fn close(&self) {
        self.mailbox.close();
    }

    fn answer_call(&self) -> bool {
        let hosted = self.hosted();
        // Acquire pairs with the Release in `call`. A swap, so that a call that comes in now is either
        // part of this answer or leaves the flag up.
        if hosted.called.load(Ordering::Relaxed) && hosted.called.swap(false, Ordering::Acquire) {
            hosted.settle();
        }
        self.mailbox.wake_at_home()
    }

    fn hosted(&self) -> &Hosted {
        self.mailbox.host().expect("checked when it was made")
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.hosted().dismissed.store(true, Ordering::Relaxed);
        // Finds the receiver's waker, or comes before the receiver leaves it. In the second case the
        // waker cell orders `dismissed` before the receiver's looks, and the flag that the receiver then
        // leaves in its slot before the senders'. So Relaxed is enough.
        self.mailbox.wake_directly();
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper")
            .field("host", &self.hosted().host)
            .finish_non_exhaustive()
    }
}

impl Hosted {
    pub(crate) fn new(host: Host) -> Self {
        Hosted {
            host,
            called: CachePadded::new(AtomicBool::new(false)),
            home: AtomicUsize::new(0),
            dismissed: AtomicBool::new(false),
            bells: AtomicUsize::new(0),
        }
    }

    /// Sender: tells the host that the receiver has to be woken, or wakes it if there is no host any more.
    pub(crate) fn call(&self, receiver: &WakerCell) {
        // Release pairs with the Acquire in `answer_call`: the message is there.
        self.called.store(true, Ordering::Release);
        let hosted = match self.host.park.notify() {
            Notify::Awake => true,
            Notify::Ring => {
                self.bells.fetch_add(1, Ordering::Relaxed);
                contain(|| self.host.bell.ring());
                true
            }
            Notify::Closed => false,
        };
        // Relaxed: see `Keeper::drop`.
        if !hosted || self.dismissed.load(Ordering::Relaxed) {
            receiver.wake();
        }
    }

    /// Receiver, which has left its waker: whether this is the thread of the host's loop, which will look
    /// after it. Relaxed: see `Keeper::drop`.
    pub(crate) fn is_home(&self) -> bool {
        self.home.load(Ordering::Relaxed) == thread_number()
            && !self.dismissed.load(Ordering::Relaxed)
    }

    pub(crate) fn bells(&self) -> u64 {
        self.bells.load(Ordering::Relaxed) as u64
    }

    /// Host: this is the thread of its loop.
    fn settle(&self) {
        if self.home.load(Ordering::Relaxed) == 0 {
            self.home.store(thread_number(), Ordering::Relaxed);
        }
    }

    /// Host: whether it is about to park, and so has to leave word for its receiver.
    fn is_parking(&self) -> bool {
        self.host.park.is_parked() && {
            assert_eq!(
                self.home.load(Ordering::Relaxed),
                thread_number(),
                "a keeper is used on one thread, that of its shard"
            );
            true
        }
    }
}
