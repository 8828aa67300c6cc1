//! The driver of this thread.

use std::{cell::RefCell, rc::Rc};

use super::Uring;

thread_local! {
    static CURRENT: RefCell<Option<Rc<Uring>>> = const { RefCell::new(None) };
}

/// Calls `f` with this thread's driver; `None` on a thread that is no uring shard.
///
/// The driver is kept alive over the call and nothing is borrowed, so `f` may poll, submit and drop as it likes.
pub(crate) fn with_current<R>(f: impl FnOnce(&Rc<Uring>) -> R) -> Option<R> {
    let uring = CURRENT
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()?;
    Some(f(&uring))
}

/// Makes `uring` this thread's driver, or takes it away.
pub(super) fn set(uring: Option<Rc<Uring>>) {
    // An error means that the thread is ending and its locals are gone, so there is nothing to set.
    let _gone = CURRENT.try_with(|current| current.replace(uring));
}
