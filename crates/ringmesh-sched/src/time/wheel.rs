//! A hierarchical timing wheel with exact deadlines.
//!
//! Time since the wheel's origin is counted in grains of 2^16 ns (65.5 us), and grains are sorted into 8
//! levels of 64 slots: level 0 has a slot for each grain of the current block of 64, level 1 one for
//! each block, and so on (2^64 ns in all). A timer stands in the lowest level whose block it shares with
//! the present; when time reaches a slot of a higher level, its timers move down.
//!
//! Slots are lists through a slab, linked by index: arming and cancelling are constant time, and a
//! cancelled timer leaves nothing behind. Within a grain, deadlines are compared to the nanosecond:
//! timers of the present grain that are not due yet stay.
//!
//! (A binary heap was the alternative: `O(log n)` for each timeout that is armed and cancelled, and
//! cancelling needs an index anyway. Tombstones instead of unlinking make a million cancelled far
//! timers a leak.)

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use slab::Slab;

use super::timer::{Timer, UNLINKED};

/// Nanoseconds of a grain, as a power of two.
const GRAIN: u32 = 16;
/// Slots of a level, as a power of two.
const SLOTS: u32 = 6;
const LEVELS: usize = 8;
const NONE: u32 = u32::MAX;
/// How many timers of one slot are looked through for the earliest, before the slot's start will do.
const SCAN_MAX: usize = 32;

/// The timers of one shard.
#[derive(Debug)]
pub(crate) struct Wheel {
    origin: Instant,
    /// The present, in grains.
    grain: u64,
    /// Not later than the earliest deadline, in nanoseconds; `u64::MAX` without timers.
    due: u64,
    levels: [Level; LEVELS],
    entries: Slab<Entry>,
}

#[derive(Debug)]
struct Level {
    occupied: u64,
    heads: [u32; 1 << SLOTS],
}

#[derive(Debug)]
struct Entry {
    deadline: u64,
    level: u8,
    slot: u8,
    previous: u32,
    next: u32,
    timer: Arc<Timer>,
}

impl Wheel {
    pub(crate) fn new(origin: Instant) -> Self {
        Self {
            origin,
            grain: 0,
            due: u64::MAX,
            levels: std::array::from_fn(|_| Level {
                occupied: 0,
                heads: [NONE; 1 << SLOTS],
            }),
            entries: Slab::new(),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Arms a timer. Gives it back if it was cancelled before it came here.
    pub(crate) fn arm(&mut self, timer: Arc<Timer>) -> Option<Arc<Timer>> {
        if !timer.is_armed() || timer.key() != UNLINKED {
            return Some(timer);
        }
        let deadline = self.nanos(timer.deadline);
        let place = self.entries.vacant_entry();
        let key = place.key() as u32;
        timer.set_key(key);
        place.insert(Entry {
            deadline,
            level: 0,
            slot: 0,
            previous: NONE,
            next: NONE,
            timer,
        });
        self.link(key);
        None
    }

    /// Takes a timer out.
    pub(crate) fn disarm(&mut self, timer: &Timer) -> Option<Arc<Timer>> {
        let key = timer.key();
        if key == UNLINKED {
            return None;
        }
        self.unlink(key);
        Some(self.remove(key))
    }

    /// Moves an armed timer to another deadline; `false` if it is not in this wheel.
    pub(crate) fn rearm(&mut self, timer: &Timer, deadline: Instant) -> bool {
        let key = timer.key();
        if key == UNLINKED {
            return false;
        }
        self.unlink(key);
        self.entries[key as usize].deadline = self.nanos(deadline);
        self.link(key);
        true
    }

    /// Whether a timer may be due.
    #[inline]
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due != u64::MAX && self.due <= self.nanos(now)
    }

    /// Takes out all timers that are due.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Arc<Timer>> {
        let now = self.nanos(now);
        let present = now >> GRAIN;
        let mut expired = Vec::new();
        while let Some((level, slot, start)) = self.first() {
            if start > present {
                break;
            }
            self.grain = self.grain.max(start);
            if level > 0 {
                self.cascade(level, slot);
                continue;
            }
            self.expire_slot(slot, now, &mut expired);
            if start == present {
                break;
            }
        }
        self.grain = self.grain.max(present);
        self.due = self.earliest();
        expired
    }

    /// When to look again: the earliest deadline, or a time before it.
    pub(crate) fn next_due(&mut self) -> Option<Instant> {
        if self.entries.is_empty() {
            return None;
        }
        self.due = self.earliest();
        Some(super::later(self.origin, Duration::from_nanos(self.due)))
    }

    /// Takes out all timers.
    pub(crate) fn abandon(&mut self) -> Vec<Arc<Timer>> {
        let timers = self
            .entries
            .drain()
            .map(|entry| entry.timer)
            .collect::<Vec<_>>();
        for timer in &timers {
            timer.set_key(UNLINKED);
        }
        *self = Self::new(self.origin);
        timers
    }

    /// The first occupied slot: level, slot, and the grain at which it starts.
    fn first(&self) -> Option<(usize, u32, u64)> {
        for (level, slots) in self.levels.iter().enumerate() {
            if slots.occupied == 0 {
                continue;
            }
            // All occupied slots of a level are at or after the present: they share its block.
            let slot = slots.occupied.trailing_zeros();
            let shift = SLOTS * level as u32;
            let block = self.grain >> shift >> SLOTS << SLOTS;
            return Some((level, slot, (block | u64::from(slot)) << shift));
        }
        None
    }

    /// The earliest deadline, or the start of the first slot if that has too many timers to look through.
    fn earliest(&self) -> u64 {
        let Some((level, slot, start)) = self.first() else {
            return u64::MAX;
        };
        let mut earliest = u64::MAX;
        let mut key = self.levels[level].heads[slot as usize];
        let mut seen = 0;
        while key != NONE {
            if seen == SCAN_MAX {
                return start << GRAIN;
            }
            seen += 1;
            let entry = &self.entries[key as usize];
            earliest = earliest.min(entry.deadline);
            key = entry.next;
        }
        earliest
    }

    fn expire_slot(&mut self, slot: u32, now: u64, expired: &mut Vec<Arc<Timer>>) {
        let mut key = self.levels[0].heads[slot as usize];
        while key != NONE {
            let entry = &self.entries[key as usize];
            let next = entry.next;
            if entry.deadline <= now {
                self.unlink(key);
                expired.push(self.remove(key));
            }
            key = next;
        }
    }

    /// Moves the timers of a slot down, now that time has reached it.
    fn cascade(&mut self, level: usize, slot: u32) {
        let slots = &mut self.levels[level];
        slots.occupied &= !(1 << slot);
        let mut key = std::mem::replace(&mut slots.heads[slot as usize], NONE);
        while key != NONE {
            let next = self.entries[key as usize].next;
            self.link(key);
            key = next;
        }
    }

    /// Puts an entry into the slot of its deadline.
    fn link(&mut self, key: u32) {
        let deadline = self.entries[key as usize].deadline;
        self.due = self.due.min(deadline);
        // What is overdue stands in the present's slot.
        let grain = (deadline >> GRAIN).max(self.grain);
        let differing = u64::BITS - (grain ^ self.grain).leading_zeros();
        let level = (differing.saturating_sub(1) / SLOTS) as usize;
        let slot = (grain >> (SLOTS * level as u32)) & ((1 << SLOTS) - 1);
        let slots = &mut self.levels[level];
        slots.occupied |= 1 << slot;
        let head = std::mem::replace(&mut slots.heads[slot as usize], key);
        if head != NONE {
            self.entries[head as usize].previous = key;
        }
        let entry = &mut self.entries[key as usize];
        entry.level = level as u8;
        entry.slot = slot as u8;
        entry.previous = NONE;
        entry.next = head;
    }

    /// Takes an entry out of its slot's list.
    fn unlink(&mut self, key: u32) {
        let entry = &self.entries[key as usize];
        let (previous, next) = (entry.previous, entry.next);
        let (level, slot) = (entry.level as usize, entry.slot as usize);
        if next != NONE {
            self.entries[next as usize].previous = previous;
        }
        if previous != NONE {
            self.entries[previous as usize].next = next;
        } else {
            let slots = &mut self.levels[level];
            slots.heads[slot] = next;
            if next == NONE {
                slots.occupied &= !(1 << slot);
            }
        }
    }

    fn remove(&mut self, key: u32) -> Arc<Timer> {
        let timer = self.entries.remove(key as usize).timer;
        timer.set_key(UNLINKED);
        if self.entries.is_empty() {
            self.due = u64::MAX;
        }
        timer
    }

    fn nanos(&self, time: Instant) -> u64 {
        let nanos = time.saturating_duration_since(self.origin).as_nanos();
        // The last value is taken: it means "no timer".
        u64::try_from(nanos).unwrap_or(u64::MAX).min(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, task::Waker};

    use super::*;
    use crate::core::Peer;

    const SECOND: u64 = 1_000_000_000;

    fn timer(origin: Instant, nanos: u64) -> Arc<Timer> {
        let deadline = origin + Duration::from_nanos(nanos);
        Arc::new(Timer::new(
            deadline,
            Arc::new(Peer::detached()),
            Waker::noop().clone(),
        ))
    }

    fn random(state: &mut u64) -> u64 {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    }

    /// Deadlines of all orders of magnitude, near the edges of slots more often than chance would.
    fn deadline(state: &mut u64, now: u64) -> u64 {
        let magnitude = random(state) % 44;
        let ahead = random(state) % (1 << magnitude);
        let edge = if random(state).is_multiple_of(4) {
            1 << (GRAIN + SLOTS)
        } else {
            1
        };
        (now + ahead) / edge * edge
    }

    /// The wheel against an ordered map, doing the same things by the same random numbers.
    #[test]
    fn a_wheel_does_what_an_ordered_map_does() {
        for seed in 1..=30 {
            let mut state = 0x5EED_0000 + seed;
            let origin = Instant::now();
            let at = |nanos| origin + Duration::from_nanos(nanos);
            let mut wheel = Wheel::new(origin);
            let mut model: BTreeMap<(u64, u64), Arc<Timer>> = BTreeMap::new();
            let mut now = 0;
            for number in 0..3_000 {
                match random(&mut state) % 8 {
                    0..=3 => {
                        let nanos = deadline(&mut state, now);
                        let timer = timer(origin, nanos);
                        assert!(wheel.arm(Arc::clone(&timer)).is_none());
                        model.insert((nanos, number), timer);
                    }
                    4 if !model.is_empty() => {
                        let nth = random(&mut state) as usize % model.len();
                        let key = *model.keys().nth(nth).unwrap();
                        let timer = model.remove(&key).unwrap();
                        assert!(wheel.disarm(&timer).is_some());
                        assert!(wheel.disarm(&timer).is_none(), "once is enough");
                    }
                    5 if !model.is_empty() => {
                        let nth = random(&mut state) as usize % model.len();
                        let key = *model.keys().nth(nth).unwrap();
                        let timer = model.remove(&key).unwrap();
                        let nanos = deadline(&mut state, now);
                        assert!(wheel.rearm(&timer, at(nanos)));
                        model.insert((nanos, number), timer);
                    }
                    _ => {
                        // To the earliest deadline, just before it, or somewhere.
                        let earliest = model.keys().next().map_or(now, |key| key.0);
                        now = now.max(match random(&mut state) % 3 {
                            0 => earliest,
                            1 => earliest.saturating_sub(1),
                            _ => deadline(&mut state, now),
                        });
                        let mut fired: Vec<_> =
                            wheel.expire(at(now)).iter().map(Arc::as_ptr).collect();
                        let later = model.split_off(&(now + 1, 0));
                        let mut due: Vec<_> = model.values().map(Arc::as_ptr).collect();
                        fired.sort();
                        due.sort();
                        assert_eq!(fired, due, "seed {seed}, step {number}, now {now}");
                        model = later;
                        assert!(!wheel.is_due(at(now)) || model.is_empty() || wheel.due <= now);
                    }
                }
                assert_eq!(wheel.is_empty(), model.is_empty());
                let next = wheel.next_due();
                let earliest = model.keys().next().map(|key| at(key.0));
                assert_eq!(next.is_some(), earliest.is_some());
                assert!(next <= earliest, "seed {seed}: looked at too late");
            }
        }
    }

    #[test]
    fn a_lone_far_timer_is_waited_for_exactly() {
        let origin = Instant::now();
        let mut wheel = Wheel::new(origin);
        let nanos = 12_345 * SECOND + 678;
        wheel.arm(timer(origin, nanos));
        let due = origin + Duration::from_nanos(nanos);
        assert_eq!(wheel.next_due(), Some(due));
        assert!(wheel.expire(due - Duration::from_nanos(1)).is_empty());
        assert_eq!(wheel.expire(due).len(), 1);
        assert_eq!(wheel.next_due(), None);
    }

    /// A full slot is looked at from its start on, and never later.
    #[test]
    fn a_crowded_slot_wakes_early_rather_than_late() {
        let origin = Instant::now();
        let mut wheel = Wheel::new(origin);
        for n in 0..1_000 {
            wheel.arm(timer(origin, 10 * SECOND + n));
        }
        assert!(wheel.next_due().unwrap() <= origin + Duration::from_secs(10));
        assert_eq!(
            wheel
                .expire(origin + Duration::from_nanos(10 * SECOND + 499))
                .len(),
            500
        );
        assert_eq!(wheel.abandon().len(), 500);
        assert!(wheel.is_empty());
    }
}
