//! Who sleeps and who searches: the counts behind the wake policy.
//!
//! 1. New stealable work wakes at most one parked shard, and none while another one searches.
//! 2. A shard that is woken to search counts as searching from the moment that it is summoned, not
//!    from when it runs, 20 us later: or each push in between would wake one more.
//! 3. The last searcher that finds work and leaves some behind summons one more, or a burst of a
//!    hundred tasks would use two shards for ever.
//! 4. A searcher that finds nothing gives its unit back *before* it says that it is parked and looks
//!    once more, so that a pusher who saw it searching is seen by it.
//! 5. A unit that was added for a shard which turned out to be awake is taken back, and whoever did so
//!    looks once more: a pusher may have seen the unit, and have trusted in a searcher that never was.
//!
//! A unit of `searching` is held by a shard, or by its `summoned` flag until the shard takes it over.
//! The counts are Relaxed; what orders them are the SeqCst fences of the two sides:
//!
//! ```text
//!   pusher                            searcher
//!   push                              searching -= 1; state = Parked
//!   fence           (`is_needed`)     fence               (`lie_down`, `stop_searching`)
//!   searching? parked? summon         look at all work; none: sleep
//! ```
//!
//! The loom model in `tests/loom_steal_park.rs` includes this file.

use std::sync::Arc;

use ringmesh_msg::{Notify, ParkState};

use crate::shim::{
    AtomicBool, AtomicIsize, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
    fence,
};

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

/// One shard's part.
#[derive(Debug)]
pub(crate) struct Sleeper {
    pub(crate) park: Arc<ParkState>,
    /// Holds a unit of searching for the shard.
    summoned: AtomicBool,
}

/// What a summons came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "whoever gets `Ring` must ring that shard's bell at once"]
pub(crate) enum Summons {
    /// This shard was parked and is to search: the caller owes it the bell.
    Ring(usize),
    /// Somebody is searching already.
    Searched,
    /// Nobody is parked.
    AllAwake,
}

impl Sleeper {
    pub(crate) fn new(park: Arc<ParkState>) -> Self {
        Self {
            park,
            summoned: AtomicBool::new(false),
        }
    }
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

    /// Whether somebody searches. A hint, except after a fence.
    #[inline]
    pub(crate) fn is_searched(&self) -> bool {
        self.searching.load(Relaxed) > 0
    }

    /// Whether it may be worth summoning somebody: one is parked and none searches. A hint.
    #[inline]
    pub(crate) fn wants_offer(&self) -> bool {
        self.parked.load(Relaxed) > 0 && !self.is_searched()
    }

    /// Pusher: after a push that nobody may miss, whether somebody must be summoned.
    pub(crate) fn is_needed(&self) -> bool {
        // Pairs with the fences in `lie_down` and `stop_searching`: either we see that the searcher has
        // stopped, or it sees what we pushed.
        fence(SeqCst);
        !self.is_searched()
    }

    /// Pusher: wins one parked shard to search, looking at them from `start` on.
    pub(crate) fn summon<'a>(
        &self,
        shards: usize,
        start: usize,
        sleeper: impl Fn(usize) -> &'a Sleeper,
        is_work_left: impl Fn() -> bool,
    ) -> Summons {
        loop {
            if self.is_searched() {
                return Summons::Searched;
            }
            let mut undone = false;
            for step in 0..shards {
                let shard = (start + step) % shards;
                match self.try_summon(sleeper(shard)) {
                    Try::Won => return Summons::Ring(shard),
                    Try::Undone => undone = true,
                    Try::Awake => {}
                }
            }
            if !undone {
                return Summons::AllAwake;
            }
            // Rule 5. Pairs with the fence in `is_needed`: either the pusher sees our unit gone, or we
            // see what it pushed.
            fence(SeqCst);
            if !is_work_left() {
                return Summons::AllAwake;
            }
        }
    }

    fn try_summon(&self, sleeper: &Sleeper) -> Try {
        if !sleeper.park.is_parked() || sleeper.summoned.swap(true, Relaxed) {
            return Try::Awake;
        }
        self.searching.fetch_add(1, Relaxed);
        if sleeper.park.notify() == Notify::Ring {
            return Try::Won;
        }
        // Awake by itself: take the unit back, unless the shard has taken it over.
        if sleeper.summoned.swap(false, Relaxed) {
            self.searching.fetch_sub(1, Relaxed);
            return Try::Undone;
        }
        Try::Awake
    }

    /// Searcher: takes a unit, if there is one left.
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

    /// Searcher: found something, and gives its unit back; whether it was the last. Then it must look
    /// whether it leaves work behind, and summon if so.
    pub(crate) fn stop_searching(&self) -> bool {
        let last = self.searching.fetch_sub(1, Relaxed) == 1;
        // Pairs with the fence in `is_needed`.
        fence(SeqCst);
        last
    }

    /// Searcher: found nothing, and is about to park. Then it must look at all work once more.
    pub(crate) fn lie_down(&self, sleeper: &Sleeper, holds_unit: bool) {
        if holds_unit {
            self.searching.fetch_sub(1, Relaxed);
        }
        self.parked.fetch_add(1, Relaxed);
        // Ends with a fence, which pairs with those in `is_needed` and `ParkState::notify`.
        sleeper.park.prepare();
    }

    /// Back from parking: whether the shard was summoned, and so holds a unit.
    pub(crate) fn get_up(&self, sleeper: &Sleeper) -> bool {
        sleeper.park.unpark();
        self.parked.fetch_sub(1, Relaxed);
        sleeper.summoned.load(Relaxed) && sleeper.summoned.swap(false, Relaxed)
    }
}

/// What trying one shard came to.
enum Try {
    Won,
    Undone,
    Awake,
}
