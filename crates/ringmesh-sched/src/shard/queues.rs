//! The run queues of a shard, and taking work from others.
//!
//! - The *LIFO slot* holds the stealable task woken last: it runs next, while its data is warm. At most
//!   [`LIFO_STREAK_MAX`] polls in a row come from it.
//! - The *deque* holds the other stealable tasks; thieves take from it.
//! - The *pinned* queue holds tasks that run here only.
//! - The *injector* holds stealable tasks from outside; everybody looks at it now and then.
//!
//! Deque and pinned queue take turns, and neither counts as empty for the other: stealable work behind
//! a pinned task is a backlog. A task is taken right before it is polled, never held while another
//! runs, where no thief could see it.

use crossbeam_deque::Steal;
use std::time::Duration;

use super::Shard;
use crate::{
    core::{Look, Peer},
    metrics::EventKind,
    task::{Home, Runnable},
};

/// Polls in a row from the LIFO slot while others wait. Picked: a pair of tasks that wake each other
/// must not starve the queue.
const LIFO_STREAK_MAX: u32 = 16;

/// How often the injector is looked at although there is other work. Prime, so that it meets no rhythm
/// of the program.
const INJECTOR_EVERY: u64 = 61;

/// Tasks taken in one theft, at most.
const STEAL_MAX: usize = 32;

/// How often a contended steal is tried again before looking elsewhere.
const RETRIES_MAX: u32 = 4;

/// A batch that ran this long leaves its LIFO slot to others: what a wake costs the waker (6-8 us
/// measured).
const LIFO_HOLD: Duration = Duration::from_micros(10);

/// What a thief remembers of a victim's LIFO slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sight {
    /// The victim's tick when its slot was last seen full.
    tick: Option<u64>,
    /// The filling that was tried last: it is empty since, though it still looks full.
    looted: Look,
}

impl Shard {
    /// Queues a woken task that may run here.
    #[inline]
    pub(crate) fn push(&self, home: Home, runnable: Runnable, yielded: bool) {
        if home.is_pinned() {
            self.pinned.borrow_mut().push_back(runnable);
        } else if yielded {
            // It woke itself: the others first.
            self.worker.push(runnable);
        } else {
            self.push_lifo(runnable);
        }
    }

    /// Queues a task that was just spawned here.
    #[inline]
    pub(crate) fn push_fresh(&self, runnable: Runnable) {
        self.worker.push(runnable);
        self.offer();
    }

    fn push_lifo(&self, runnable: Runnable) {
        match self.peer.lifo.put(runnable) {
            // The one that was there goes to the deque, where it can be stolen at once.
            Some(displaced) => {
                self.worker.push(displaced);
                self.offer();
            }
            None => self.offer_lifo(),
        }
    }

    /// There is work that somebody else could do: wakes one parked shard unless one searches.
    ///
    /// No fence: this shard runs the work itself if nobody takes it, and asks again before each poll.
    #[inline]
    fn offer(&self) {
        if self.core.idlers.wants_offer() {
            self.summon();
        }
    }

    #[cold]
    fn summon(&self) {
        if self.core.config.steal {
            self.core.summon();
        }
    }

    /// Before each poll: what is left in the deque could run elsewhere.
    #[inline]
    pub(super) fn offer_backlog(&self) {
        if self.core.idlers.wants_offer() && !self.worker.is_empty() {
            self.summon();
        }
    }

    /// A wake into an empty LIFO slot wakes nobody, unless this batch has kept the shard for longer than
    /// a wake costs. The clock is looked at for the first few such wakes of a batch and then for every
    /// eighth.
    #[inline]
    fn offer_lifo(&self) {
        if !self.core.idlers.wants_offer() {
            return;
        }
        let wakes = self.lifo_wakes.get();
        self.lifo_wakes.set(wakes + 1);
        if wakes < 4 || wakes.is_multiple_of(8) {
            self.offer_lifo_late();
        }
    }

    #[cold]
    fn offer_lifo_late(&self) {
        let began = self.clock.get();
        let fresh = self.clock_valid.get() && self.turns_since_clock.get() <= 1;
        let now = self.driver.now();
        if now.saturating_duration_since(began) < LIFO_HOLD {
            return;
        }
        if fresh {
            self.summon();
        } else {
            // The batch began later than that: from here on the clock is right.
            self.set_clock(now);
        }
    }

    /// Takes the task to be polled next.
    #[inline]
    pub(super) fn next_task(&self) -> Option<Runnable> {
        if self.polls.get().is_multiple_of(INJECTOR_EVERY)
            && !self.core.injector.is_empty()
            && let Some(runnable) = self.take_injected()
        {
            return Some(runnable);
        }
        let pinned_first = self.pinned_next.get();
        self.pinned_next.set(!pinned_first);
        if pinned_first {
            self.next_pinned().or_else(|| self.next_stealable())
        } else {
            self.next_stealable().or_else(|| self.next_pinned())
        }
    }

    #[inline]
    fn next_pinned(&self) -> Option<Runnable> {
        self.pinned.borrow_mut().pop_front()
    }

    #[inline]
    fn next_stealable(&self) -> Option<Runnable> {
        if self.peer.lifo.is_full() {
            let streak = self.lifo_streak.get();
            if streak < LIFO_STREAK_MAX {
                if let Some(runnable) = self.peer.lifo.take() {
                    self.lifo_streak.set(streak + 1);
                    return Some(runnable);
                }
            } else {
                self.retire_lifo();
            }
        }
        self.lifo_streak.set(0);
        self.worker.pop()
    }

    /// Its streak is over: the LIFO slot's task queues up behind the others.
    fn retire_lifo(&self) {
        if let Some(runnable) = self.peer.lifo.take() {
            self.worker.push(runnable);
        }
    }

    pub(super) fn take_injected(&self) -> Option<Runnable> {
        for _ in 0..RETRIES_MAX {
            match self.core.injector.steal() {
                Steal::Success(runnable) => return Some(runnable),
                Steal::Retry => {}
                Steal::Empty => break,
            }
        }
        None
    }

    /// Whether a task is queued here.
    pub(crate) fn has_tasks(&self) -> bool {
        self.peer.lifo.is_full() || !self.worker.is_empty() || !self.pinned.borrow().is_empty()
    }

    /// Looks for work at the injector and at all other shards, once round. `true` if some was taken:
    /// it is in the deque then.
    pub(super) fn search(&self) -> bool {
        if self.search_injector() {
            return true;
        }
        if !self.core.config.steal {
            return false;
        }
        let shards = self.core.shards();
        if shards == 1 {
            return false;
        }
        self.counters().steals_tried.add(1);
        let start = self.victim.get();
        for step in 0..shards {
            let victim = (start + step) % shards;
            if victim == self.id.index() {
                continue;
            }
            let peer = &self.core.peers[victim];
            let taken = self.steal_from(peer);
            if taken > 0 {
                self.counters().steals_won.add(taken);
                // It may have more: look there first next time.
                self.victim.set(victim);
                return true;
            }
        }
        self.victim.set((start + 1) % shards);
        false
    }

    fn search_injector(&self) -> bool {
        for _ in 0..RETRIES_MAX {
            match self
                .core
                .injector
                .steal_batch_with_limit(&self.worker, STEAL_MAX)
            {
                Steal::Success(()) => return true,
                Steal::Retry => {}
                Steal::Empty => break,
            }
        }
        false
    }

    fn steal_from(&self, peer: &Peer) -> u64 {
        let taken = match self.recorder.is_some() {
            false => self.steal_batch(peer),
            true => self.steal_singly(peer),
        };
        if taken > 0 {
            taken
        } else {
            self.steal_lifo(peer)
        }
    }

    fn steal_batch(&self, peer: &Peer) -> u64 {
        if peer.stealer.is_empty() {
            return 0;
        }
        for _ in 0..RETRIES_MAX {
            match peer.stealer.steal_batch_with_limit(&self.worker, STEAL_MAX) {
                // Our deque was empty, and thieves may have been at it since.
                Steal::Success(()) => return self.worker.len().max(1) as u64,
                Steal::Retry => {}
                Steal::Empty => break,
            }
        }
        0
    }

    /// As `steal_batch`, but sees each task that it takes, to record it.
    fn steal_singly(&self, peer: &Peer) -> u64 {
        let wanted = peer.stealer.len().div_ceil(2).clamp(1, STEAL_MAX);
        let mut taken = 0;
        for _ in 0..wanted as u32 + RETRIES_MAX {
            match peer.stealer.steal() {
                Steal::Success(runnable) => {
                    self.record_theft(peer, &runnable);
                    self.worker.push(runnable);
                    taken += 1;
                    if taken == wanted as u64 {
                        break;
                    }
                }
                Steal::Retry => {}
                Steal::Empty => break,
            }
        }
        taken
    }

    /// Takes a LIFO slot's task, but only from a shard that is stuck: its tick did not move between two
    /// looks. (Always stealing it doubled the round trip of a local pair and quadrupled its CPU.)
    fn steal_lifo(&self, peer: &Peer) -> u64 {
        let look = peer.lifo.look();
        let stuck = self.is_stuck(peer);
        let mut sights = self.sights.borrow_mut();
        let sight = &mut sights[peer.id.index()];
        sight.tick = look.is_full().then(|| peer.tick());
        if !stuck {
            return 0;
        }
        // Whatever comes of it, this filling is done with.
        sight.looted = look;
        drop(sights);
        match peer.lifo.steal() {
            Some(runnable) => {
                self.record_theft(peer, &runnable);
                self.worker.push(runnable);
                1
            }
            None => 0,
        }
    }

    /// Whether a shard has a task in its LIFO slot that we have not been after, and has begun no poll
    /// since we last saw one there.
    pub(super) fn is_stuck(&self, peer: &Peer) -> bool {
        let look = peer.lifo.look();
        if !look.is_full() || peer.id == self.id {
            return false;
        }
        let sight = self.sights.borrow()[peer.id.index()];
        sight.looted != look && sight.tick == Some(peer.tick())
    }

    fn record_theft(&self, peer: &Peer, runnable: &Runnable) {
        if let Some(recorder) = &self.recorder {
            recorder.record(EventKind::Stolen {
                task: runnable.metadata().id,
                from: peer.id,
            });
        }
    }
}
