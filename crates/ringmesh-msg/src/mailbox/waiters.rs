//! Senders that found no room, in the order in which they came.

use std::{collections::BTreeMap, task::Waker};

/// The waiting list of a mailbox. The messages wait here, not in the senders: the receiver moves them
/// into the ring as it makes room, in order, so a sender that is slow to be polled holds up nobody.
pub(super) struct Waiters<T> {
    /// By order of arrival.
    queue: BTreeMap<u64, Waiting<T>>,
    arrivals: u64,
    closed: bool,
}

/// One that waits.
pub(super) struct Waiting<T> {
    /// What it wants to send; `None` for a flush, which only waits for those before it.
    pub(super) message: Option<T>,
    pub(super) waker: Option<Waker>,
}

/// What became of one that waits.
pub(super) enum Fate<T> {
    /// Its message is in the ring.
    Delivered,
    /// The mailbox was closed first.
    Closed(Option<T>),
    /// Still waiting; its waker was replaced by the one given, this is the old one.
    Waiting(Option<Waker>),
}

impl<T> Waiters<T> {
    pub(super) fn new() -> Self {
        Waiters {
            queue: BTreeMap::new(),
            arrivals: 0,
            closed: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Puts one at the end, and says under which number.
    pub(super) fn append(&mut self, message: Option<T>) -> u64 {
        let id = self.arrivals;
        self.arrivals += 1;
        let waker = None;
        self.queue.insert(id, Waiting { message, waker });
        id
    }

    /// Moves messages out through `push`, oldest first, until it gives one back. The wakers of those who
    /// are done go to `woken`, to be called outside the lock.
    pub(super) fn serve(
        &mut self,
        mut push: impl FnMut(T) -> Result<(), T>,
        woken: &mut Vec<Waker>,
    ) {
        while let Some(mut first) = self.queue.first_entry() {
            if let Some(message) = first.get_mut().message.take()
                && let Err(message) = push(message)
            {
                first.get_mut().message = Some(message);
                return;
            }
            woken.extend(first.remove().waker);
        }
    }

    /// Looks after one, and leaves a waker for it if it still has to wait.
    pub(super) fn check(&mut self, id: u64, waker: Waker) -> (Fate<T>, Option<Waker>) {
        if self.closed {
            return match self.queue.remove(&id) {
                Some(waiting) => (Fate::Closed(waiting.message), Some(waker)),
                None => (Fate::Delivered, Some(waker)),
            };
        }
        match self.queue.get_mut(&id) {
            Some(waiting) => (Fate::Waiting(waiting.waker.replace(waker)), None),
            None => (Fate::Delivered, Some(waker)),
        }
    }

    /// Removes one that does not want to wait any longer. Flushes that only waited for it are done; their
    /// wakers go to `woken`.
    pub(super) fn withdraw(&mut self, id: u64, woken: &mut Vec<Waker>) -> Option<Waiting<T>> {
        let waiting = self.queue.remove(&id);
        if !self.closed {
            self.serve(Err, woken);
        }
        waiting
    }

    /// Nobody is served any more; everybody's waker, so that they come and get their messages back.
    pub(super) fn close(&mut self) -> Vec<Waker> {
        self.closed = true;
        self.queue
            .values_mut()
            .filter_map(|waiting| waiting.waker.take())
            .collect()
    }
}
