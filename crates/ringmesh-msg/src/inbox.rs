//! An unbounded queue for what has a bound of its own.

use std::{fmt, mem};

use crate::shim::{AtomicUsize, Mutex, Ordering};

/// An unbounded multi-producer queue that its owner empties in one go.
///
/// For traffic that is bounded by something else (at most one entry a task, one an op): wakes of pinned
/// tasks, submissions and cancels from other threads. A full queue must never be able to lose a wake, so
/// this one is never full. For messages from users take the bounded [`Mailbox`](crate::Mailbox).
///
/// The owner's look costs one load. A push does not wake anybody: follow it with
/// [`ParkState::notify`](crate::ParkState::notify) and ring the bell if that says so.
///
/// ```
/// use ringmesh_msg::Inbox;
///
/// let inbox = Inbox::new();
/// inbox.push("wake 7").unwrap();
/// assert!(!inbox.is_empty());
///
/// let mut batch = Vec::new();
/// assert_eq!(inbox.drain(&mut batch), 1);
/// assert_eq!(batch, ["wake 7"]);
///
/// inbox.close();
/// assert_eq!(inbox.push("too late"), Err("too late"));
/// ```
pub struct Inbox<T> {
    /// How many entries there are. Written under the lock, read without it.
    len: AtomicUsize,
    queue: Mutex<Queue<T>>,
}

struct Queue<T> {
    entries: Vec<T>,
    open: bool,
}

impl<T> Inbox<T> {
    /// An empty, open inbox.
    pub fn new() -> Self {
        Inbox {
            len: AtomicUsize::new(0),
            queue: Mutex::new(Queue {
                entries: Vec::new(),
                open: true,
            }),
        }
    }

    /// Appends an entry; gives it back once the inbox is closed.
    pub fn push(&self, entry: T) -> Result<(), T> {
        let mut queue = self.queue.lock();
        if !queue.open {
            return Err(entry);
        }
        queue.entries.push(entry);
        // Release pairs with the Acquire in `len_hint`. It is the store that the owner's re-check must
        // see; the fence of the handshake is in `ParkState::notify`.
        self.len.store(queue.entries.len(), Ordering::Release);
        Ok(())
    }

    /// Moves all entries, oldest first, to the end of `out`, and says how many. One load if there are
    /// none.
    ///
    /// When `out` is empty the two vectors are swapped, so that a loop which reuses `out` allocates
    /// nothing once warm. Entries are run and dropped by the caller, outside the lock.
    pub fn drain(&self, out: &mut Vec<T>) -> usize {
        if self.is_empty() {
            return 0;
        }
        let mut queue = self.queue.lock();
        // Relaxed: only written under the lock that we hold; pushers will store after us.
        self.len.store(0, Ordering::Relaxed);
        let count = queue.entries.len();
        if out.is_empty() {
            mem::swap(&mut queue.entries, out);
        } else {
            out.append(&mut queue.entries);
        }
        count
    }

    /// Whether there is nothing to drain: one load. Exact for the owner after
    /// [`ParkState::prepare`](crate::ParkState::prepare), otherwise a hint.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len_hint() == 0
    }

    /// How many entries there were a moment ago: one load.
    #[inline]
    pub fn len_hint(&self) -> usize {
        // Acquire pairs with the Release in `push`.
        self.len.load(Ordering::Acquire)
    }

    /// Closes the inbox and returns what was in it. From now on every push gives its entry back, so
    /// nothing can be left behind unseen. Closing twice is fine.
    pub fn close(&self) -> Vec<T> {
        let mut queue = self.queue.lock();
        queue.open = false;
        self.len.store(0, Ordering::Relaxed);
        mem::take(&mut queue.entries)
    }
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        Inbox::new()
    }
}

impl<T> fmt::Debug for Inbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("len", &self.len_hint())
            .finish_non_exhaustive()
    }
}
