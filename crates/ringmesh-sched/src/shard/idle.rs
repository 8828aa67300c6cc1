//! The idle ladder: what a shard does when it has nothing to do.
//!
//! 1. *Pause* for about a microsecond, looking only at what is its own (inbox, mailbox, completions)
//!    and writing nothing that others read. It needs no permit: all active ping-pongs live here, and
//!    any limit on it made hand-overs park (27 times slower).
//! 2. *Look around* for about what a wake costs (20 us): `sched_yield`, steal, injector. At most half of
//!    the shards (but one) do so at once. Longer polling won nothing and cost CPU; pausing instead of
//!    yielding costs 9-15 us a round trip when two shards share a CPU.
//! 3. *Park* in the driver until a completion, a bell, or the next timer.
//!
//! The first two are skipped where a CPU quota is finite or `Idle::AlwaysPark` says so: there a spin is
//! paid for later.
//!
//! # Parking
//!
//! ```text
//!   searching -= 1; state = Parked; fence; look at every source of work; none: driver.park
//! ```
//!
//! The looks are at the own inbox, mailbox, completions and root, at the injector, at every shard's
//! deque, and at the LIFO slots of shards that stand still. Whoever brings work does the opposite: push,
//! fence, look at who searches and who is parked. So one of the two sees the other.

use std::{
    hint,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use super::Shard;

/// How long the pause phase lasts.
const PAUSE: Duration = Duration::from_micros(1);

impl Shard {
    /// Waits until there may be something to do.
    pub(super) fn idle(&self) {
        self.clock_valid.set(false);
        let spin = self.core.config.spin;
        if spin.is_zero() {
            return self.park();
        }
        if !self.searching.get() && self.pause() {
            return;
        }
        if self.searching.get() || self.core.idlers.try_search() {
            self.searching.set(true);
            if self.look_around(spin) {
                return self.finish_search();
            }
        }
        self.park();
    }

    /// Phase 1. `true` if there is something to do.
    fn pause(&self) -> bool {
        for _ in 0..pause_rounds() {
            hint::spin_loop();
            if self.has_own_work() {
                return true;
            }
        }
        false
    }

    /// Phase 2. `true` if there is something to do.
    fn look_around(&self, spin: Duration) -> bool {
        let began = self.driver.now();
        let due = self.timers.borrow_mut().next_due();
        let mut now = began;
        let found = loop {
            if self.search() || self.has_own_work() {
                break true;
            }
            if due.is_some_and(|due| due <= now) {
                break true;
            }
            // A timer that is due sooner than a wake would take is waited for awake.
            let soon = due.is_some_and(|due| due <= now + spin);
            if now.saturating_duration_since(began) >= spin && !soon {
                break false;
            }
            thread::yield_now();
            now = self.driver.now();
        };
        let spent = now.saturating_duration_since(began);
        self.counters().spins_ns.add(spent.as_nanos() as u64);
        self.set_clock(now);
        found
    }

    /// Phase 3.
    fn park(&self) {
        self.flush_bells();
        let until = self.timers.borrow_mut().next_due();
        self.lie_down();
        let (own, foreign) = (self.has_own_work(), self.has_foreign_work());
        if !own && !foreign {
            self.counters().parks.add(1);
            self.driver.park(until);
        }
        self.get_up();
        if self.searching.get() || foreign {
            self.search();
        }
        let now = self.driver.now();
        self.set_clock(now);
        self.clock_valid.set(true);
    }

    /// About to park: now look at all work once more.
    pub(super) fn lie_down(&self) {
        let holds_unit = self.searching.replace(false);
        self.core.idlers.lie_down(&self.peer.sleeper, holds_unit);
    }

    /// Back from parking: takes over the unit of searching, if somebody summoned this shard.
    pub(super) fn get_up(&self) {
        let summoned = self.core.idlers.get_up(&self.peer.sleeper);
        self.searching.set(summoned);
    }

    /// Gives the unit of searching back. The last searcher that leaves work behind summons another.
    pub(super) fn finish_search(&self) {
        self.searching.set(false);
        let last = self.core.idlers.stop_searching();
        let left_behind = || self.worker.len() > 1 || self.core.has_stealable_beside(self.id);
        if last && self.core.config.steal && self.core.idlers.wants_offer() && left_behind() {
            self.core.summon();
        }
    }

    /// Whether there is something to do here that is no queued task. Loads only, of what is our own.
    #[inline]
    pub(super) fn has_own_work(&self) -> bool {
        !self.peer.inbox.is_empty()
            || self.keeper.is_called()
            || self.driver.ready()
            || self
                .root
                .borrow()
                .as_ref()
                .is_some_and(|root| root.is_set())
            || !self.core.shutdown.is_running()
    }

    /// Whether there is something that this shard could take from elsewhere.
    fn has_foreign_work(&self) -> bool {
        if !self.core.injector.is_empty() {
            return true;
        }
        let peers = &self.core.peers;
        self.core.config.steal
            && peers
                .iter()
                .any(|peer| !peer.stealer.is_empty() || self.is_stuck(peer))
    }
}

/// How many pauses a microsecond has: measured once a process, for it differs tenfold between CPUs.
fn pause_rounds() -> u32 {
    static ROUNDS: OnceLock<u32> = OnceLock::new();
    *ROUNDS.get_or_init(|| {
        const SAMPLE: u32 = 200;
        // The least of three: an interruption makes a sample longer, nothing makes it shorter.
        let sample = || {
            let began = Instant::now();
            for _ in 0..SAMPLE {
                hint::spin_loop();
            }
            began.elapsed()
        };
        let least = (0..3)
            .map(|_| sample())
            .min()
            .unwrap_or(PAUSE)
            .as_nanos()
            .max(1);
        let rounds = PAUSE.as_nanos() * u128::from(SAMPLE) / least;
        rounds.clamp(4, 500) as u32
    })
}
