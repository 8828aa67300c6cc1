//! `user_data`: which slot, which kind, which generation. Never a pointer.
//!
//! ```text
//!  63            32 31      24 23                   0
//! ┌────────────────┬──────────┬──────────────────────┐
//! │   generation   │   kind   │        index         │
//! └────────────────┴──────────┴──────────────────────┘
//! ```
//!
//! Every CQE is checked against all three. What does not fit is counted as unknown and otherwise ignored.

use std::fmt;

/// The first kind of the driver's own requests. An op's [`KIND`](crate::OpCode::KIND) is at least two below it.
pub const KIND_DRIVER: u8 = 0xE0;

/// The end of the kinds that ops may have: below [`KIND_DRIVER`] the driver uses one more, for a request with a slot.
pub(crate) const KIND_USER_END: u8 = KIND_DRIVER - 1;

/// A slot's name, and the `user_data` of its op.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// Slots per ring.
    pub(crate) const INDEX_COUNT: usize = 1 << 24;

    /// The key of slot `index` in its `generation`.
    pub(crate) fn new(index: usize, kind: u8, generation: u32) -> Self {
        debug_assert!(index < Self::INDEX_COUNT, "a slot index has 24 bits");
        Self(u64::from(generation) << 32 | u64::from(kind) << 24 | index as u64)
    }

    /// The key of a request of the driver's that has no slot.
    pub(crate) const fn own(kind: u8) -> Self {
        Self(1 << 32 | (kind as u64) << 24)
    }

    /// Reads a CQE's `user_data`; nothing about it is trusted yet.
    pub(crate) const fn from_user_data(user_data: u64) -> Self {
        Self(user_data)
    }

    /// The value that travels through the kernel.
    #[must_use]
    pub const fn user_data(self) -> u64 {
        self.0
    }

    pub(crate) const fn index(self) -> usize {
        (self.0 & 0xFF_FFFF) as usize
    }

    /// The kind of op.
    #[must_use]
    pub const fn kind(self) -> u8 {
        (self.0 >> 24) as u8
    }

    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The same slot and generation under another kind: a cancel names its target this way.
    pub(crate) const fn with_kind(self, kind: u8) -> Self {
        Self(self.0 & !(0xFF << 24) | (kind as u64) << 24)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{:#04x}:{}",
            self.index(),
            self.kind(),
            self.generation()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back() {
        let key = Key::new(0xABCDEF, 0x9b, 0xDEAD_BEEF);
        assert_eq!(key.index(), 0xABCDEF);
        assert_eq!(key.kind(), 0x9b);
        assert_eq!(key.generation(), 0xDEAD_BEEF);
        let cancel = key.with_kind(0xE1);
        assert_eq!(cancel.kind(), 0xE1);
        assert_eq!(
            (cancel.index(), cancel.generation()),
            (key.index(), key.generation())
        );
        assert_eq!(cancel.with_kind(0x9b), key);
    }
}
