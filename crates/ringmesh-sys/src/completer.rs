//! The half of a ring that takes completions.

use std::{cell::Cell, fmt, marker::PhantomData, mem::ManuallyDrop, sync::Arc};

use io_uring::cqueue::CompletionQueue;

use crate::{Cqe, ring::Shared};

/// Takes completions from a ring's queue.
///
/// There is one for each ring. Any one thread at a time may use it, also one that does not own the ring: it touches only
/// the shared memory. It sees what the kernel has posted; on a ring with `DEFER_TASKRUN` the kernel posts when the owner
/// enters with `GETEVENTS`.
pub struct Completer {
    shared: Arc<Shared>,
    /// Not Sync: each method has the queue for itself.
    alone: PhantomData<Cell<()>>,
}

impl Completer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            alone: PhantomData,
        }
    }

    /// Takes the oldest completion. No system call.
    #[expect(
        clippy::should_implement_trait,
        reason = "the queue fills again after a None, an iterator should not"
    )]
    pub fn next(&mut self) -> Option<Cqe> {
        self.queue().next().map(cqe)
    }

    /// Moves up to `max` completions into `batch`, oldest first, and says how many; cheaper than as many
    /// [`next`](Self::next). No system call.
    pub fn drain_into(&mut self, batch: &mut Vec<Cqe>, max: usize) -> usize {
        let before = batch.len();
        batch.extend(self.queue().take(max).map(cqe));
        batch.len() - before
    }

    /// Completions that can be taken now. Reads shared memory and writes nothing.
    pub fn len(&self) -> usize {
        self.peek().len()
    }

    /// Whether there is nothing to take now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many completions the queue holds before the kernel sets them aside (overflow).
    pub fn capacity(&self) -> usize {
        self.peek().capacity()
    }

    /// Completions that the kernel dropped for want of memory: 0 unless the machine is in deep trouble.
    pub fn dropped(&self) -> u32 {
        self.peek().overflow()
    }

    fn queue(&mut self) -> CompletionQueue<'_> {
        // SAFETY: no other CompletionQueue of this ring exists: they are made by the methods of this one Completer only,
        // which is neither Clone nor Sync and lends them out no longer than `self` is borrowed exclusively.
        unsafe { self.shared.uring.completion_shared() }
    }

    /// The queue for looking only: its drop, which would write the head back, does not run.
    fn peek(&self) -> ManuallyDrop<CompletionQueue<'_>> {
        // SAFETY: as above; `self` is not Sync and an exclusive borrow cannot be alive next to this shared one, so no
        // queue that could move the head exists meanwhile.
        ManuallyDrop::new(unsafe { self.shared.uring.completion_shared() })
    }
}

fn cqe(entry: io_uring::cqueue::Entry) -> Cqe {
    Cqe {
        user_data: entry.user_data(),
        result: entry.result(),
        flags: entry.flags(),
    }
}

impl fmt::Debug for Completer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completer")
            .field("len", &self.len())
            .field("capacity", &self.capacity())
            .finish()
    }
}
