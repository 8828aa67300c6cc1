//! Who a task is.

use std::{
    fmt,
    num::NonZeroU64,
    panic::Location,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use ringmesh_msg::ShardId;

/// A task's number, unique in the process and never used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(NonZeroU64);

impl Id {
    /// The number.
    pub fn as_u64(self) -> u64 {
        self.0.get()
    }

    /// Takes `count` numbers and returns the first.
    pub(crate) fn reserve(count: u64) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(count, Relaxed)
    }

    /// The id with a reserved number.
    #[inline]
    pub(crate) fn new(number: u64) -> Self {
        Self(NonZeroU64::new(number).expect("numbers start at 1"))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.0)
    }
}

/// What is known about a task, and on which rings it has operations armed.
pub struct Meta {
    id: Id,
    name: Option<Box<str>>,
    location: &'static Location<'static>,
    shards: u16,
    armed: OnceLock<Box<[AtomicU32]>>,
}

impl Meta {
    /// The task's number.
    pub fn id(&self) -> Id {
        self.id
    }

    /// The name given to [`task::Builder`](super::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where the task was spawned.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Counts one operation of this task that is armed on `ring`.
    ///
    /// Only `ring`'s own shard may call this: each count has one writer, so a load and a store do.
    pub fn arm(&self, ring: ShardId) {
        let table = self
            .armed
            .get_or_init(|| (0..self.shards).map(|_| AtomicU32::new(0)).collect());
        if let Some(count) = table.get(ring.index()) {
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Undoes one [`arm`](Self::arm); the same rule holds.
    pub fn disarm(&self, ring: ShardId) {
        if let Some(count) = self.armed.get().and_then(|table| table.get(ring.index())) {
            count.store(count.load(Relaxed).wrapping_sub(1), Relaxed);
        }
    }

    /// Whether an operation of this task is armed on a ring other than `here`'s.
    pub fn armed_elsewhere(&self, here: ShardId) -> bool {
        self.armed.get().is_some_and(|table| {
            table
                .iter()
                .enumerate()
                .any(|(ring, count)| ring != here.index() && count.load(Relaxed) > 0)
        })
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("location", &format_args!("{}", self.location))
            .finish_non_exhaustive()
    }
}

/// A task's identity, which moves into the thread's context for the time of a poll. The [`Meta`]
/// behind it is only made when someone asks: most tasks never arm an operation.
pub(crate) struct Running {
    id: Option<Id>,
    location: Option<&'static Location<'static>>,
    shards: u16,
    meta: Option<Arc<Meta>>,
}

impl Running {
    /// No task.
    pub(crate) const NONE: Self = Self {
        id: None,
        location: None,
        shards: 0,
        meta: None,
    };

    pub(crate) fn new(
        id: Id,
        location: &'static Location<'static>,
        shards: usize,
        name: Option<Box<str>>,
    ) -> Self {
        let mut running = Self {
            id: Some(id),
            location: Some(location),
            shards: u16::try_from(shards).unwrap_or(u16::MAX),
            meta: None,
        };
        if name.is_some() {
            running.meta = running.make(name);
        }
        running
    }

    pub(crate) fn id(&self) -> Option<Id> {
        self.id
    }

    /// The identity, if anybody asked for it before.
    pub(crate) fn made(&self) -> Option<&Meta> {
        self.meta.as_deref()
    }

    pub(crate) fn meta(&mut self) -> Option<Arc<Meta>> {
        if self.meta.is_none() {
            self.meta = self.make(None);
        }
        self.meta.clone()
    }

    fn make(&self, name: Option<Box<str>>) -> Option<Arc<Meta>> {
        Some(Arc::new(Meta {
            id: self.id?,
            name,
            location: self.location?,
            shards: self.shards,
            armed: OnceLock::new(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_ring_is_elsewhere_for_the_others_only() {
        let mut running = Running::new(Id::new(Id::reserve(1)), Location::caller(), 3, None);
        let meta = running.meta().expect("a task");
        let (a, b) = (ShardId::new(0), ShardId::new(2));
        assert!(!meta.armed_elsewhere(a));
        meta.arm(b);
        meta.arm(b);
        assert!(meta.armed_elsewhere(a));
        assert!(!meta.armed_elsewhere(b));
        meta.disarm(b);
        assert!(meta.armed_elsewhere(a));
        meta.disarm(b);
        assert!(!meta.armed_elsewhere(a));
    }
}
