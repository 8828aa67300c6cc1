//! The slot table: from `user_data` to the op's cell, with a generation against late or foreign CQEs.

use std::sync::Arc;

use ringmesh_sched::task::Meta;

use crate::{cell::Cell, key::Key};

/// The ops that a ring owes a terminal CQE, or that wait for their push.
pub(crate) struct Slots {
    slots: Vec<Slot>,
    /// Index of the first free slot, `NONE` if there is none.
    free: usize,
    live: usize,
}

impl Drop for Slots {
    /// Keeps the promise of every push whatever happened before: what the kernel may still touch is never freed.
    fn drop(&mut self) {
        for slot in self.slots.drain(..) {
            if let Content::Used(entry) = slot.content
                && entry.pushed
            {
                std::mem::forget(entry.cell);
            }
        }
    }
}

/// An op's entry.
pub(crate) struct Entry {
    pub(crate) cell: Arc<dyn Cell>,
    /// The task that submitted it.
    pub(crate) meta: Option<Arc<Meta>>,
    /// The SQE is in the submission queue or in the kernel; until then the op waits in the backlog.
    pub(crate) pushed: bool,
    /// A cancel was asked for.
    pub(crate) cancelled: bool,
    /// Cancels that the kernel answered with "not found" although the op lives.
    pub(crate) cancel_tries: u8,
    /// This entry's successor in an `IO_LINK` chain.
    pub(crate) next: Option<Key>,
    /// Whether a predecessor in a chain has not completed yet: the kernel cannot find the op before.
    pub(crate) linked: bool,
}

struct Slot {
    generation: u32,
    kind: u8,
    content: Content,
}

enum Content {
    Free { next: usize },
    Used(Entry),
}

const NONE: usize = usize::MAX;

impl Entry {
    pub(crate) fn new(cell: Arc<dyn Cell>, meta: Option<Arc<Meta>>) -> Self {
        Self {
            cell,
            meta,
            pushed: false,
            cancelled: false,
            cancel_tries: 0,
            next: None,
            linked: false,
        }
    }
}

impl Slots {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            live: 0,
        }
    }

    /// Gives the entry a slot. `Err` gives it back: 2^24 ops are in flight on this ring.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<Key, Entry> {
        let kind = entry.cell.kind();
        let index = if self.free == NONE {
            self.grow()
        } else {
            Some(self.free)
        };
        let Some(index) = index else {
            return Err(entry);
        };
        let slot = &mut self.slots[index];
        if let Content::Free { next } = slot.content {
            self.free = next;
        }
        slot.kind = kind;
        slot.content = Content::Used(entry);
        self.live += 1;
        Ok(Key::new(index, kind, slot.generation))
    }

    fn grow(&mut self) -> Option<usize> {
        let index = self.slots.len();
        if index == Key::INDEX_COUNT {
            return None;
        }
        // Generations start at 1, so that no key is 0.
        self.slots.push(Slot {
            generation: 1,
            kind: 0,
            content: Content::Free { next: NONE },
        });
        Some(index)
    }

    /// The entry of `key`, if index, kind and generation all fit.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(key.index())?;
        let fits = slot.generation == key.generation() && slot.kind == key.kind();
        match &mut slot.content {
            Content::Used(entry) if fits => Some(entry),
            _ => None,
        }
    }

    /// Whether the key's op is alive.
    pub(crate) fn contains(&self, key: Key) -> bool {
        let slot = self.slots.get(key.index());
        slot.is_some_and(|slot| {
            let used = matches!(slot.content, Content::Used(_));
            used && slot.generation == key.generation() && slot.kind == key.kind()
        })
    }

    /// The entry that a cancel with `key` (under its own kind) was aimed at, and its true key.
    pub(crate) fn target_mut(&mut self, key: Key) -> Option<(Key, &mut Entry)> {
        let kind = self.slots.get(key.index())?.kind;
        let key = key.with_kind(kind);
        self.get_mut(key).map(|entry| (key, entry))
    }

    /// Takes the entry out and frees its slot, under a new generation.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Entry> {
        self.get_mut(key)?;
        Some(self.free_slot(key.index()))
    }

    fn free_slot(&mut self, index: usize) -> Entry {
        let slot = &mut self.slots[index];
        // Skips 0 when it wraps: a key is never 0.
        slot.generation = slot.generation.checked_add(1).unwrap_or(1);
        let content = std::mem::replace(&mut slot.content, Content::Free { next: self.free });
        self.free = index;
        self.live -= 1;
        match content {
            Content::Used(entry) => entry,
            Content::Free { .. } => unreachable!("get_mut found an entry here"),
        }
    }

    /// Every key in use.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let used = self.slots.iter().enumerate();
        used.filter(|(_, slot)| matches!(slot.content, Content::Used(_)))
            .map(|(index, slot)| Key::new(index, slot.kind, slot.generation))
            .collect()
    }

    /// Ops that have a slot.
    pub(crate) fn live(&self) -> usize {
        self.live
    }
}

#[cfg(test)]
mod tests {
    use ringmesh_sys::Sqe;

    use super::*;
    use crate::{
        cell::{Completion, Next},
        state::Address,
    };

    struct Dummy;

    // SAFETY: it is never submitted.
    unsafe impl Cell for Dummy {
        fn kind(&self) -> u8 {
            7
        }

        fn sqe(&self, _ring: u32) -> Option<Sqe> {
            None
        }

        fn published(&self, _at: Address) -> bool {
            false
        }

        fn on_cqe(self: Arc<Self>, _done: Completion) -> Next {
            Next::Done
        }

        fn on_leak(&self) {}
    }

    fn entry() -> Entry {
        Entry::new(Arc::new(Dummy), None)
    }

    fn insert(slots: &mut Slots) -> Key {
        slots
            .insert(entry())
            .unwrap_or_else(|_| panic!("there is room"))
    }

    #[test]
    fn a_freed_slot_is_used_again_under_a_new_generation() {
        let mut slots = Slots::new();
        let first = insert(&mut slots);
        assert!(slots.remove(first).is_some());
        let second = insert(&mut slots);
        assert_eq!(second.index(), first.index());
        assert_ne!(second, first);
        assert!(slots.get_mut(first).is_none());
        assert!(slots.remove(first).is_none());
        assert_eq!(slots.live(), 1);
        assert_eq!(slots.keys(), [second]);
    }

    #[test]
    fn a_generation_that_wraps_skips_the_key_zero() {
        let mut slots = Slots::new();
        let first = insert(&mut slots);
        slots.slots[first.index()].generation = u32::MAX;
        let last = Key::new(first.index(), 7, u32::MAX);
        assert!(slots.remove(last).is_some());
        assert_eq!(insert(&mut slots).generation(), 1);
    }

    #[test]
    fn a_key_of_another_kind_or_beyond_the_table_finds_nothing() {
        let mut slots = Slots::new();
        let key = insert(&mut slots);
        assert!(slots.get_mut(key.with_kind(8)).is_none());
        assert!(slots.get_mut(Key::new(1000, 7, 1)).is_none());
        assert_eq!(
            slots.target_mut(key.with_kind(0xE1)).map(|(key, _)| key),
            Some(key)
        );
    }

    #[test]
    fn what_was_pushed_is_never_freed() {
        let kept = Arc::new(Dummy);
        let waiting = Arc::new(Dummy);
        let mut slots = Slots::new();
        let pushed = Entry {
            pushed: true,
            ..Entry::new(kept.clone(), None)
        };
        assert!(slots.insert(pushed).is_ok());
        assert!(slots.insert(Entry::new(waiting.clone(), None)).is_ok());
        drop(slots);
        assert_eq!(Arc::strong_count(&kept), 2);
        assert_eq!(Arc::strong_count(&waiting), 1);
    }
}
