//! The doorbell: how a parked owner is woken.

use std::fmt;

/// Wakes the owner of a [`ParkState`](crate::ParkState), which is parked or about to be.
///
/// Rung by whoever got [`Notify::Ring`](crate::Notify::Ring), once, and at once: until the bell rings,
/// every other sender sees an owner that is no longer parked and stays silent. It carries no payload.
///
/// A ring that comes too early must not be lost (the owner is between "state = Parked" and its wait):
/// like [`std::thread::Thread::unpark`], an eventfd, or a posted completion, it is remembered until the
/// owner's next wait. A spurious or doubled ring must be harmless.
pub trait Bell: Send + Sync + fmt::Debug {
    /// Ends the owner's present or next wait. Called from any thread, also after the owner is gone.
    fn ring(&self);
}
