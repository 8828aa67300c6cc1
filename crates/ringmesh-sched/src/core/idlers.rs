//! Who sleeps and who searches: the counts behind the wake policy.
//!
//! 1. New stealable work wakes at most one parked shard, and none while another one searches.
//! 2. A shard that is woken to search counts as searching from the moment that it is summoned, not
//!    from when it runs, 20 us later: or each push in between would wake one more.
//! 3. The last searcher that finds work and leaves some behind summons one more, or a burst of a
//!    hundred tasks would use two shards for ever.
//! 4. A searcher that finds nothing gives its unit back *before* it says that it is parked and looks
//!    once more, so that a pusher who saw it searching is seen by it.
//!
//! A unit of `searching` is held by a shard, or by its `summoned` flag until the shard takes it over.

use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};

use ringmesh_msg::Notify;

use super::Peer;

/// Counts of idle shards.
#[derive(Debug)]
pub(crate) struct Idlers {
    /// Shards that look for work, or were summoned to. Signed: a unit may be given back before the
    /// summoner's addition is seen.
    searching: AtomicIsize,
    /// Shards that are parked or about to be: a hint that saves looking at each.
    parked: AtomicUsize,
    searching_max: isize,
}

impl Idlers {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            searching: AtomicIsize::new(0),
            parked: AtomicUsize::new(0),
            // Half of the shards, but never none: with one shard "half" would forbid all searching.
            searching_max: (shards / 2).max(1) as isize,
        }
    }

    /// Whether somebody searches. Relaxed: a hint, except after a SeqCst fence.
    #[inline]
    pub(crate) fn is_searched(&self) -> bool {
        self.searching.load(Relaxed) > 0
    }

    /// Whether it may be worth waking somebody: one is parked and none searches.
    #[inline]
    pub(crate) fn wants_offer(&self) -> bool {
        self.parked.load(Relaxed) > 0 && !self.is_searched()
    }

    /// Takes a permit to search, if there is one left.
    pub(crate) fn try_search(&self) -> bool {
        let mut searching = self.searching.load(Relaxed);
        while searching < self.searching_max {
            match self
                .searching
                .compare_exchange_weak(searching, searching + 1, Relaxed, Relaxed)
            {
                Ok(_) => return true,
                Err(now) => searching = now,
            }
        }
        false
    }

    /// Gives a unit back; whether it was the last.
    pub(crate) fn stop_searching(&self) -> bool {
        self.searching.fetch_sub(1, Relaxed) == 1
    }

    /// Before the park handshake's `prepare`, whose fence orders it.
    pub(crate) fn enter_park(&self) {
        self.parked.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave_park(&self) {
        self.parked.fetch_sub(1, Relaxed);
    }

    /// Wins a parked shard to search. `true`: the caller owes it the bell.
    #[must_use]
    pub(crate) fn summon(&self, peer: &Peer) -> bool {
        if peer.summoned.swap(true, Relaxed) {
            return false;
        }
        self.searching.fetch_add(1, Relaxed);
        if peer.park.notify() == Notify::Ring {
            return true;
        }
        // Awake by itself: take the unit back, unless the shard has taken it over.
        if peer.summoned.swap(false, Relaxed) {
            self.searching.fetch_sub(1, Relaxed);
        }
        false
    }

    /// The owner is awake: whether it was summoned, and so holds a unit now.
    pub(crate) fn answer(&self, peer: &Peer) -> bool {
        peer.summoned.load(Relaxed) && peer.summoned.swap(false, Relaxed)
    }
}
