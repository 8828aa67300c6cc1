//! The state word of an op in flight, and where the op sits: everything two threads may race for.
//!
//! An op's cell has two sides. The **future** polls, drops and cancels, on any thread. The **driver** publishes
//! (at push), completes (at the terminal CQE) or leaks (at the end of a shutdown), on the shard's thread.
//!
//! ```text
//!                 poll: transition_to_waiting
//!            ┌──────────────────────────────────┐
//!            │                                  ▼
//!      ┌───────────┐  poll, drop:         ┌───────────┐
//!  new │ SUBMITTED │◀── take_waker ───────│  WAITING  │ new (a first poll brings its waker along)
//! ────▶│  (bare)   │                      │ (a waker) │◀────
//!      └─────┬─────┘                      └─────┬─────┘
//!            │ drop:                            │
//!            │ transition_to_orphaned           │  transition_to_completed: the driver owns the
//!            ▼                                  │  waker, takes it and wakes
//!      ┌───────────┐                            ▼
//!      │ ORPHANED  │                      ┌───────────┐
//!      └─────┬─────┘                      │ COMPLETED │ poll: `Polled::Completed`, the future owns the result;
//!            │ transition_to_completed:   └───────────┘ drop: transition_to_orphaned says `Completed`, the
//!            ▼ the driver runs `orphan`                 dropping thread runs `orphan`
//!        (nobody)
//!
//!  CANCEL is a flag beside these, set by request_cancel. LEAKED replaces COMPLETED when a shutdown gives up:
//!  the kernel keeps the memory, a future that still polls is told so.
//! ```
//!
//! **Who owns what.** The waker slot belongs to the future side while WAITING is clear, and to the driver side from
//! the moment COMPLETED is set with WAITING set. While WAITING is set and COMPLETED is not, nobody touches it; the
//! future first clears WAITING by a compare-exchange that fails once COMPLETED is there. The op and its result belong
//! to the driver side (and the kernel) until COMPLETED; then to the future, unless ORPHANED came first.
//!
//! **Rejected:** a lock around the waker (it would be held while foreign code clones or drops a waker, or cost a second
//! round of atomics), and `atomic-waker` (two more RMWs per op, and loom cannot see into it).
//!
//! **B10, a cancel that cannot be missed.** Publishing and giving up are a store and a look on each side:
//!
//! ```text
//!  driver: publish(address); fence(SeqCst); look at ORPHANED | CANCEL   -> cancel it itself
//!  future: set ORPHANED or CANCEL; fence(SeqCst); look at the address   -> send a cancel there
//! ```
//!
//! At least one of the two sees the other. Without either fence both can miss, and an op that nobody wants stays
//! armed for ever: `tests/loom_op_remote_submit.rs` shows it.

use std::{fmt, task::Waker};

use crate::shim::sync::{AtomicU32, AtomicU64, Ordering, UnsafeCell, fence};

/// A waker is registered.
const WAITING: u32 = 1;
/// The result is in the cell.
const COMPLETED: u32 = 1 << 1;
/// The future is gone.
const ORPHANED: u32 = 1 << 2;
/// Somebody asked for a cancel.
const CANCEL: u32 = 1 << 3;
/// The runtime gave up on the op; the kernel may still write to it.
const LEAKED: u32 = 1 << 4;

/// The two sides' meeting point.
pub struct State {
    word: AtomicU32,
    /// Written before `key`, read after it.
    ring: AtomicU32,
    /// The slot's key, 0 while the op was not pushed.
    key: AtomicU64,
    /// # Safety
    ///
    /// Access follows "who owns what" in the module's docs.
    waker: UnsafeCell<Option<Waker>>,
}

// SAFETY: the waker, the only part that is not `Sync` by itself, is accessed by one side at a time, as the module's docs say.
unsafe impl Sync for State {}

/// Where an op sits: a ring (process-wide id) and the key of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The ring's process-wide id.
    pub ring: u32,
    /// The slot's key, which is the op's `user_data`; never 0.
    pub key: u64,
}

/// What a poll finds.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Polled {
    /// Still in flight; the waker is registered.
    Pending,
    /// The result is there and belongs to the caller.
    Completed,
    /// The runtime is gone and the kernel has the op; there will be no result.
    Leaked,
}

/// What the terminal completion finds.
#[derive(Debug)]
#[must_use]
pub enum Completed {
    /// A future waits: wake it. It owns the result from now on.
    Wake(Waker),
    /// A future exists but does not wait at the moment.
    Quiet,
    /// Nobody wants the result: the caller owns everything and runs the orphan handler.
    Orphaned,
}

/// What a drop finds.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Orphaned {
    /// The result had come: the caller owns everything and runs the orphan handler.
    Completed,
    /// The op is in flight, at this address: send a cancel there.
    InFlight(Address),
    /// The op was not pushed yet: whoever pushes will see that nobody wants it.
    Unpublished,
}

impl State {
    /// A cell whose first poll registers its waker at once: no RMW on the way in.
    #[must_use]
    pub fn waiting(waker: Waker) -> Self {
        Self::with(WAITING, Some(waker))
    }

    /// A cell without a waker.
    #[must_use]
    pub fn submitted() -> Self {
        Self::with(0, None)
    }

    fn with(word: u32, waker: Option<Waker>) -> Self {
        Self {
            word: AtomicU32::new(word),
            ring: AtomicU32::new(0),
            key: AtomicU64::new(0),
            waker: UnsafeCell::new(waker),
        }
    }

    /// Future side: is it done, and if not, who is to be woken?
    pub fn transition_to_waiting(&self, waker: &Waker) -> Polled {
        // Acquire: pairs with the Release of `transition_to_completed`; the result is visible after it.
        let word = self.word.load(Ordering::Acquire);
        if word & (COMPLETED | LEAKED) != 0 {
            return Self::done(word);
        }
        // Cloned before the slot is taken: a clone that panics must leave the old waker in place.
        let fresh = waker.clone();
        let old = match self.take_waker(word) {
            Ok(old) => old,
            Err(done) => return Self::done(done),
        };
        if let Some(old) = old
            && old.will_wake(waker)
        {
            return self.register(old);
        }
        self.register(fresh)
    }

    /// Future side: the future goes away. The caller then sends the cancel that this asks for.
    pub fn transition_to_orphaned(&self) -> Orphaned {
        // Relaxed: a hint; `take_waker` and the RMW below decide.
        let word = self.word.load(Ordering::Relaxed);
        let waker = self.take_waker(word).unwrap_or_default();
        // AcqRel: Acquire pairs with `transition_to_completed` (we may own the result now); Release hands the emptied
        // waker slot to the driver side.
        let before = self.word.fetch_or(ORPHANED, Ordering::AcqRel);
        crate::wake::discard(waker);
        if before & COMPLETED != 0 {
            return Orphaned::Completed;
        }
        match self.look_for_address() {
            Some(address) => Orphaned::InFlight(address),
            None => Orphaned::Unpublished,
        }
    }

    /// Future side: asks for a cancel. `Some` is where the caller has to send it; `None` means that there is nothing
    /// to send, since the op is done, or was not pushed and will be refused when it is.
    #[must_use]
    pub fn request_cancel(&self) -> Option<Address> {
        // AcqRel: as in `transition_to_orphaned`.
        let before = self.word.fetch_or(CANCEL, Ordering::AcqRel);
        if before & (COMPLETED | LEAKED) != 0 {
            return None;
        }
        self.look_for_address()
    }

    /// The second half of B10 on the future's side.
    fn look_for_address(&self) -> Option<Address> {
        // SeqCst: pairs with the fence in `publish`. One of the two sides sees what the other stored.
        fence(Ordering::SeqCst);
        self.address()
    }

    /// Where the op sits, if it was pushed.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        // Acquire: pairs with the Release store of the key in `place`; the ring is visible after it.
        let key = self.key.load(Ordering::Acquire);
        (key != 0).then(|| Address {
            ring: self.ring.load(Ordering::Relaxed),
            key,
        })
    }

    /// Driver side: says where the op sits before any other thread can see the cell. No fence is needed.
    pub fn place(&self, address: Address) {
        self.ring.store(address.ring, Ordering::Relaxed);
        // Release: pairs with the Acquire load in `address`.
        self.key.store(address.key, Ordering::Release);
    }

    /// Driver side: says where the op sits while the future may be dropped or cancelled by others. `true`: nobody wants
    /// it any more, the caller has to cancel it.
    #[must_use]
    pub fn publish(&self, address: Address) -> bool {
        self.place(address);
        // SeqCst: pairs with the fence in `look_for_address`.
        fence(Ordering::SeqCst);
        self.is_unwanted()
    }

    /// Whether the future is gone or somebody asked for a cancel.
    #[must_use]
    pub fn is_unwanted(&self) -> bool {
        self.word.load(Ordering::Relaxed) & (ORPHANED | CANCEL) != 0
    }

    /// Driver side: the terminal result is in the cell.
    pub fn transition_to_completed(&self) -> Completed {
        self.finish(COMPLETED)
    }

    /// Driver side: the op will never complete; what the kernel may touch is kept for ever.
    pub fn transition_to_leaked(&self) -> Completed {
        self.finish(LEAKED)
    }

    fn finish(&self, how: u32) -> Completed {
        // AcqRel: Release pairs with the loads of the future's side (the result is visible); Acquire with the Release of
        // `register` (the waker is visible) and of `transition_to_orphaned`.
        let before = self.word.fetch_or(how, Ordering::AcqRel);
        if before & ORPHANED != 0 {
            return Completed::Orphaned;
        }
        if before & WAITING == 0 {
            return Completed::Quiet;
        }
        // SAFETY: COMPLETED was set with WAITING set, so the waker belongs to the driver side and to this call.
        let waker = self.waker.with_mut(|slot| unsafe { (*slot).take() });
        waker.map_or(Completed::Quiet, Completed::Wake)
    }

    /// Clears WAITING and takes what was registered; `Err` is the word that says that it is too late for that.
    fn take_waker(&self, mut word: u32) -> Result<Option<Waker>, u32> {
        while word & WAITING != 0 {
            if word & (COMPLETED | LEAKED) != 0 {
                return Err(word);
            }
            // Acquire: pairs with the Release of `register` (another thread may have polled before) and, on failure, with
            // that of `transition_to_completed`.
            let next = self.word.compare_exchange(
                word,
                word & !WAITING,
                Ordering::Acquire,
                Ordering::Acquire,
            );
            match next {
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        // SAFETY: WAITING is clear and only this side sets it: the slot is ours.
        Ok(self.waker.with_mut(|slot| unsafe { (*slot).take() }))
    }

    /// Puts the waker into the slot, which is ours, and sets WAITING.
    fn register(&self, waker: Waker) -> Polled {
        // SAFETY: WAITING is clear and only this side sets it: the slot is ours.
        self.waker.with_mut(|slot| unsafe { *slot = Some(waker) });
        // AcqRel: Release pairs with the Acquire of `finish` (it reads the waker); Acquire with its Release, in case it
        // came first.
        let before = self.word.fetch_or(WAITING, Ordering::AcqRel);
        if before & (COMPLETED | LEAKED) == 0 {
            return Polled::Pending;
        }
        // The driver found WAITING clear and left the slot alone: it is still ours.
        // SAFETY: COMPLETED was set while WAITING was clear, so the driver side does not look at the slot.
        let unused = self.waker.with_mut(|slot| unsafe { (*slot).take() });
        crate::wake::discard(unused);
        Self::done(before)
    }

    fn done(word: u32) -> Polled {
        if word & COMPLETED != 0 {
            Polled::Completed
        } else {
            Polled::Leaked
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word.load(Ordering::Relaxed);
        f.debug_struct("State")
            .field("waiting", &(word & WAITING != 0))
            .field("completed", &(word & COMPLETED != 0))
            .field("orphaned", &(word & ORPHANED != 0))
            .field("cancel", &(word & CANCEL != 0))
            .field("leaked", &(word & LEAKED != 0))
            .finish()
    }
}
