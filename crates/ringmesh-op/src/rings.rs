//! Which rings have ops on a descriptor, and whether its last handle is gone: the handshake of a push and a close.
//!
//! ```text
//!  push:  set the ring's bit; fence(SeqCst); look at CLOSING   -> do not push
//!  close: set CLOSING;        fence(SeqCst); look at the bits  -> send a cancel to those rings
//! ```
//!
//! One of the two sees the other (`tests/loom_op_close.rs`). Ids of rings are taken modulo 128: a cancel too many reaches nothing.

use crate::shim::sync::{AtomicU32, AtomicU64, Ordering, fence};

/// The meeting point of pushes on any ring and the drop of the last handle.
#[derive(Debug)]
pub struct Rings {
    bits: [AtomicU64; 2],
    closing: AtomicU32,
}

impl Rings {
    /// No ring yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bits: [AtomicU64::new(0), AtomicU64::new(0)],
            closing: AtomicU32::new(0),
        }
    }

    /// On the ring's thread, right before the push. `false`: the last handle is gone, the op must not be pushed.
    #[must_use]
    pub fn mark(&self, ring: u32) -> bool {
        let (word, bit) = position(ring);
        let word = &self.bits[word];
        if word.load(Ordering::Relaxed) & bit == 0 {
            word.fetch_or(bit, Ordering::Relaxed);
            // SeqCst: pairs with the fence in `close`. Once the bit is set the fence is not needed: the close's cancel comes to
            // this thread, and what it brings along includes CLOSING. (A process that has made more than 128 rings may find the
            // bit set by another ring; should both sides then miss each other, the op stays until its own future is dropped.)
            fence(Ordering::SeqCst);
        }
        !self.is_closing()
    }

    /// The last handle is gone. The caller then looks at [`has`](Self::has) and sends the cancels.
    pub fn close(&self) {
        self.closing.store(1, Ordering::Relaxed);
        // SeqCst: pairs with the fence in `mark`. Whoever sets a bit after our look sees CLOSING.
        fence(Ordering::SeqCst);
    }

    /// Whether the last handle is gone.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed) != 0
    }

    /// Whether `ring` has, or had, ops on the descriptor.
    #[must_use]
    pub fn has(&self, ring: u32) -> bool {
        let (word, bit) = position(ring);
        self.bits[word].load(Ordering::Relaxed) & bit != 0
    }
}

impl Default for Rings {
    fn default() -> Self {
        Self::new()
    }
}

fn position(ring: u32) -> (usize, u64) {
    let bit = ring % 128;
    ((bit / 64) as usize, 1 << (bit % 64))
}
