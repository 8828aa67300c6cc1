//! A mailbox whose receiver lives on a shard that looks after it.

use std::sync::Arc;

use crate::{Bell, ParkState};

/// Whom a sender tells that mail has come: the loop of the shard on which the receiver lives.
#[derive(Clone, Debug)]
pub struct Host {
    /// The handshake of the shard's loop.
    pub park: Arc<ParkState>,
    /// Rung when `park` says so. Called on the sender's thread.
    pub bell: Arc<dyn Bell>,
}

/// The shard's end of a hosted mailbox: its loop looks here each turn, and once more after
/// [`ParkState::prepare`].
#[derive(Debug)]
pub struct Keeper(());

impl Keeper {
    /// Whether mail has come for a receiver that sleeps: one load.
    pub fn is_called(&self) -> bool {
        unimplemented!()
    }

    /// Wakes the receiver if mail has come for it; says whether it did.
    pub fn answer(&self) -> bool {
        unimplemented!()
    }

    /// Closes the mailbox: senders get `Closed` with their message, the receiver gets what is in it
    /// and then `None`.
    pub fn close(&self) {
        unimplemented!()
    }
}
