//! The handshake between a shard that goes to sleep and those who bring it work.
//!
//! Two sides each write one thing and then read what the other wrote, so at least one must see the
//! other (Dekker's argument):
//!
//! ```text
//!   owner                               sender
//!   1. state = Parked                   1. put the work where the owner looks
//!   2. fence(SeqCst)                    2. fence(SeqCst)
//!   3. look at every source of work     3. if state == Parked and I win the CAS to Running:
//!   4. found some: unpark, else wait         ring the bell
//! ```
//!
//! [`ParkState::prepare`] is the owner's 1 and 2, [`ParkState::notify`] the sender's 2 and 3. The fences
//! are what makes it work: with release stores and acquire loads alone, both sides may read the old
//! value, and the owner sleeps on work. They are fences rather than SeqCst accesses since loom sees
//! fences (it treats SeqCst accesses as AcqRel).
//!
//! The state, and the functions that take each edge:
//!
//! ```text
//!              prepare                      close
//!   Running ------------> Parked    any ------------> Closed (for good)
//!           <------------
//!        unpark (owner), notify (one sender, who then owes the bell)
//! ```
//!
//! **Who wins the CAS rings at once**, before any user code runs again. Until the bell rings, everybody
//! else sees Running and stays silent. A bell left to "the next submit" delayed others' work by
//! 20,069 us in a prototype; rung at once it was 8 us.
//!
//! Nothing here rests on a timeout, and a spurious bell costs one look.

use crate::shim::{AtomicU32, Ordering, fence};

const RUNNING: u32 = 0;
const PARKED: u32 = 1;
const CLOSED: u32 = 2;

/// Whether an owner (a shard, a thread) is awake, parked, or gone. See the [module docs](self).
///
/// ```
/// use ringmesh_msg::{Notify, ParkState};
///
/// let state = ParkState::new();
/// assert_eq!(state.notify(), Notify::Awake); // the owner runs: it will look by itself
///
/// state.prepare(); // the owner: "I am about to wait"; now it looks once more
/// assert_eq!(state.notify(), Notify::Ring); // one sender owes the bell ...
/// assert_eq!(state.notify(), Notify::Awake); // ... and the others do not
/// assert!(!state.unpark()); // the owner is back, and learns that somebody rang
/// ```
pub struct ParkState(AtomicU32);

/// What [`ParkState::notify`] found, and so what the caller owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "whoever gets `Ring` must ring the bell at once: nobody else will"]
pub enum Notify {
    /// The owner is awake and looks at its work before it parks: nothing to do.
    Awake,
    /// The owner was parked and the caller won it: ring its [`Bell`](crate::Bell) now.
    Ring,
    /// The owner is gone and looks at nothing any more.
    Closed,
}

impl ParkState {
    /// An owner that runs.
    pub fn new() -> Self {
        ParkState(AtomicU32::new(RUNNING))
    }

    /// Owner: announces that it is about to wait. Then look at **every** source of work once more, and
    /// wait only if all are empty; if not, or after the wait, call [`unpark`](Self::unpark).
    ///
    /// Leaves a closed state closed.
    #[inline]
    pub fn prepare(&self) {
        // Relaxed: the fence below orders it. A CAS and not a store, so that Closed stays Closed.
        let _ = self
            .0
            .compare_exchange(RUNNING, PARKED, Ordering::Relaxed, Ordering::Relaxed);
        // Pairs with the fence in `notify`: either our looks below see the work, or it sees Parked.
        fence(Ordering::SeqCst);
    }

    /// Owner: back from waiting, or not going to wait after all. True if it was still parked, that is,
    /// no sender has won it; then no bell is owed to it.
    #[inline]
    pub fn unpark(&self) -> bool {
        // Acquire on failure pairs with the Release of the CAS in `notify`: what that sender did before
        // is visible now.
        self.0
            .compare_exchange(PARKED, RUNNING, Ordering::Relaxed, Ordering::Acquire)
            .is_ok()
    }

    /// Sender: after putting work where the owner looks, asks whether the owner must be woken.
    #[inline]
    pub fn notify(&self) -> Notify {
        // Pairs with the fence in `prepare`: either we see Parked, or the owner's look sees our work.
        fence(Ordering::SeqCst);
        match self.0.load(Ordering::Relaxed) {
            RUNNING => Notify::Awake,
            PARKED => self.win(),
            _ => Notify::Closed,
        }
    }

    /// Whether the owner is parked. A hint: it may have changed when the caller reads the answer. Never
    /// a substitute for [`notify`](Self::notify).
    #[inline]
    pub fn is_parked(&self) -> bool {
        self.0.load(Ordering::Relaxed) == PARKED
    }

    /// Owner: gone for good. Senders get [`Notify::Closed`] from now on.
    ///
    /// Those who notified before may still ring, so the bell must outlive the owner.
    pub fn close(&self) {
        // Release pairs with nothing that we need; AcqRel so that a sender's work is visible to an
        // owner that collects its leftovers after this.
        self.0.swap(CLOSED, Ordering::AcqRel);
        // Pairs with the fence in `notify`: a sender whose work the owner's last look misses sees
        // Closed.
        fence(Ordering::SeqCst);
    }

    #[cold]
    fn win(&self) -> Notify {
        // Release pairs with the Acquire in `unpark`.
        match self
            .0
            .compare_exchange(PARKED, RUNNING, Ordering::Release, Ordering::Relaxed)
        {
            Ok(_) => Notify::Ring,
            Err(RUNNING) => Notify::Awake,
            Err(_) => Notify::Closed,
        }
    }
}

impl Default for ParkState {
    fn default() -> Self {
        ParkState::new()
    }
}

impl std::fmt::Debug for ParkState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0.load(Ordering::Relaxed) {
            RUNNING => "Running",
            PARKED => "Parked",
            _ => "Closed",
        })
    }
}
