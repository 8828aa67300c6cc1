//! Makes futures `Sync` whatever they hold.

use std::fmt;

use parking_lot::Mutex;

/// A value that is only ever reached through `&mut`, so that sharing it is harmless.
///
/// Futures of this crate hold the caller's buffer, which is `Send` but perhaps not `Sync`; hyper and
/// others ask for `Sync` futures. The mutex is never locked: `get_mut` needs none.
pub(crate) struct Exclusive<T>(Mutex<T>);

impl<T> Exclusive<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}

impl<T> fmt::Debug for Exclusive<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exclusive")
    }
}
