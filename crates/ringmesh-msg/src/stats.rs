//! What a mailbox has counted.

/// What a mailbox has counted since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages put into the mailbox.
    pub sent: u64,
    /// Messages taken out of it.
    pub received: u64,
    /// Times a sender found no room.
    pub full: u64,
    /// Messages that found their receiver asleep.
    pub wakes: u64,
    /// Doorbells rung for them, where a host is parked.
    pub bells: u64,
}
