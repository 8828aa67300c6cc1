//! The number of a shard in its mesh.

use std::fmt;

/// The number of a shard in its mesh: `0 .. mesh.len()`.
///
/// A plain index with a type of its own, so that it cannot be mistaken for a core, a thread or a
/// count. Having one says nothing about whether that shard exists; [`Mesh::shard`](crate::Mesh::shard)
/// does.
///
/// ```
/// use ringmesh_msg::ShardId;
///
/// let shard = ShardId::new(3);
/// assert_eq!(shard.index(), 3);
/// assert_eq!(shard.to_string(), "3");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u16);

impl ShardId {
    /// How many shards one mesh can have: the ids are 16 bits wide.
    pub const COUNT_MAX: usize = 1 << 16;

    /// The shard with this number.
    ///
    /// # Panics
    ///
    /// If `index` is 65,536 or more; a mesh has at most [`COUNT_MAX`](Self::COUNT_MAX) shards.
    pub const fn new(index: usize) -> Self {
        assert!(index < Self::COUNT_MAX, "a shard id is at most 65535");
        ShardId(index as u16)
    }

    /// This shard's number, for indexing.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardId({})", self.0)
    }
}
