//! The receiving side.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{Mailbox, Shared};
use crate::{
    shim::{Arc, Ordering, spin_loop},
    waker_cell::contain,
};

/// The receiving side of a [`Mailbox`]. There is one.
///
/// Dropping it closes the mailbox: senders get their messages back, and what had arrived is dropped.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// Somebody waited when we last looked, so look at each pop.
    backlog: bool,
    /// The position that we last slept at.
    slept_at: Option<usize>,
}

impl<T> Receiver<T> {
    /// The one receiver of a mailbox: not to be called twice for it.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Receiver {
            shared,
            backlog: false,
            slept_at: None,
        }
    }
}

impl<T: Send> Receiver<T> {
    /// The next message, if there is one already.
    #[inline]
    pub fn try_recv(&mut self) -> Option<T> {
        // SAFETY: there is one `Receiver` for a ring, it is not `Clone`, and we have it exclusively;
        // handing it to another thread orders the calls.
        let popped = unsafe { self.shared.ring.pop() }?;
        if popped.senders_wait || self.backlog {
            self.backlog = self.shared.serve();
        }
        if self.slept_at == Some(popped.position) {
            self.shared.bedside.get_up();
        }
        Some(popped.message)
    }

    /// The next message; `None` once the mailbox is closed and empty.
    ///
    /// Safe to cancel: a message is either returned or still in the mailbox.
    pub fn recv(&mut self) -> Recv<'_, T> {
        Recv { receiver: self }
    }

    /// As [`recv`](Self::recv), for futures written by hand. Only the waker of the last call is woken.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        loop {
            if let Some(message) = self.try_recv() {
                return Poll::Ready(Some(message));
            }
            let shared = &*self.shared;
            if !shared.bedside.waker.register(cx.waker()) {
                // A wake for an earlier poll is under way, on a thread that is about to be done with it.
                spin_loop();
                contain(|| cx.waker().wake_by_ref());
                return Poll::Pending;
            }
            let position = shared.ring.head();
            if shared.lie_down(position) {
                self.slept_at = Some(position);
                // Looked at last: whoever closes wakes after it has closed, and we have registered.
                return match self.is_finished() {
                    true => Poll::Ready(None),
                    false => Poll::Pending,
                };
            }
        }
    }

    /// Whether a message is ready.
    #[inline]
    pub fn has_mail(&self) -> bool {
        let ring = &self.shared.ring;
        ring.is_filled(ring.head())
    }

    /// Whether it is closed and empty: there will be no more messages.
    pub fn is_finished(&self) -> bool {
        // Acquire pairs with the Release in `close`: the ring is closed.
        self.shared.gate.closed.load(Ordering::Acquire) && self.shared.ring.is_finished()
    }

    /// As [`Mailbox::close`].
    pub fn close(&self) {
        self.shared.close();
    }

    /// A sender's side of this mailbox.
    pub fn mailbox(&self) -> Mailbox<T> {
        let shared = self.shared.clone();
        Mailbox { shared }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.close();
        // What has arrived is dropped now rather than with the last sender: it may hold resources.
        // SAFETY: we are the only receiver, as in `try_recv`.
        while let Some(popped) = unsafe { self.shared.ring.pop() } {
            drop(popped.message);
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("received", &self.shared.ring.popped())
            .field("closed", &self.shared.ring.is_closed())
            .finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless polled"]
pub struct Recv<'a, T> {
    receiver: &'a mut Receiver<T>,
}

impl<T: Send> Future for Recv<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.receiver.poll_recv(cx)
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").finish_non_exhaustive()
    }
}
