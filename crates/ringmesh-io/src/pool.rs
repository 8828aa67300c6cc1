//! Buffers at rest, per thread.
//!
//! A connection that has nothing to send should hold no buffer, and one that sends should not pay the allocator for
//! 64 KiB a response. So a buffer that has done its work is laid down here by the thread that saw it finish, and taken
//! up by the next connection that writes on that thread, while it is still in the cache. Bounded in number and size.

use std::cell::RefCell;

thread_local! {
    static AT_REST: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer; its capacity is whatever the last user needed, or 0.
pub(crate) fn take() -> Vec<u8> {
    AT_REST
        .try_with(|at_rest| at_rest.borrow_mut().pop())
        .ok()
        .flatten()
        .unwrap_or_default()
}

/// Lays a buffer down. One too small to be worth it, or too large to keep, is freed.
pub(crate) fn give(mut buf: Vec<u8>) {
    if !(SMALLEST..=LARGEST).contains(&buf.capacity()) {
        return;
    }
    buf.clear();
    // A thread that is ending has no list any more: the buffer is freed.
    let _ = AT_REST.try_with(|at_rest| {
        let mut at_rest = at_rest.borrow_mut();
        if at_rest.len() < COUNT_MAX {
            at_rest.push(buf);
        }
    });
}

/// Picked: 16 buffers of at most 256 KiB, 4 MiB a thread in the worst case.
const COUNT_MAX: usize = 16;
const SMALLEST: usize = 256;
const LARGEST: usize = 256 * 1024;
