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
    fn new(
        id: Id,
        name: Option<Box<str>>,
        location: &'static Location<'static>,
        shards: usize,
    ) -> Self {
        Self {
            id,
            name,
            location,
            shards: u16::try_from(shards).unwrap_or(u16::MAX),
            armed: OnceLock::new(),
        }
    }

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
    place: Place,
}

/// Where the task was spawned, and from the first question on the rest.
pub(crate) enum Place {
    Nowhere,
    At(&'static Location<'static>),
    Made(Arc<Meta>),
}

impl Running {
    /// No task.
    pub(crate) const NONE: Self = Self {
        id: None,
        place: Place::Nowhere,
    };

    pub(crate) fn new(id: Id, place: Place) -> Self {
        Self {
            id: Some(id),
            place,
        }
    }

    pub(crate) fn id(&self) -> Option<Id> {
        self.id
    }

    pub(crate) fn into_place(self) -> Place {
        self.place
    }

    /// The identity; made if nobody has asked before, for a runtime of so many shards.
    pub(crate) fn meta(&mut self, shards: usize) -> Option<Arc<Meta>> {
        let id = self.id?;
        if let Place::At(location) = self.place {
            self.place = Place::Made(Arc::new(Meta::new(id, None, location, shards)));
        }
        match &self.place {
            Place::Made(meta) => Some(Arc::clone(meta)),
            _ => None,
        }
    }
}

impl Place {
    pub(crate) fn new(
        id: Id,
        name: Option<Box<str>>,
        location: &'static Location<'static>,
        shards: usize,
    ) -> Self {
        match name {
            None => Self::At(location),
            name => Self::Made(Arc::new(Meta::new(id, name, location, shards))),
        }
    }

    /// The identity, if anybody asked for it before.
    #[inline]
    pub(crate) fn made(&self) -> Option<&Meta> {
        match self {
            Self::Made(meta) => Some(meta),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_armed_ring_is_elsewhere_for_the_others_only() {
        let meta = Meta::new(Id::new(Id::reserve(1)), None, Location::caller(), 3);
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
