//! What a sender holds until its message is in the target's mailbox.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{Message, Received, SendError, mailbox::Sending, remote::unpack};

/// Resolves when a message is in its target's mailbox: `Ok(())`, or [`SendError::Closed`] with the
/// message if the target is gone.
///
/// Most tickets are resolved when you get them, since there was room; `.await` costs nothing then.
///
/// **Dropping an unresolved ticket takes the message back**: the target will not see it. So a send is
/// safe to cancel, and a sender that ignores its tickets cannot fill the memory.
#[must_use = "if there was no room, dropping the ticket takes the message back; `.await` it"]
pub struct Ticket<M> {
    sending: Sending<Received>,
    message: PhantomData<fn() -> M>,
}

impl<M> Ticket<M> {
    pub(crate) fn new(sending: Sending<Received>) -> Self {
        let message = PhantomData;
        Ticket { sending, message }
    }

    /// Whether the message was in the mailbox when the ticket was made or last polled.
    pub fn is_delivered(&self) -> bool {
        self.sending.is_delivered()
    }
}

impl<M: Message> Future for Ticket<M> {
    type Output = Result<(), SendError<M>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.sending)
            .poll(cx)
            .map_err(|error| error.map(unpack))
    }
}

impl<M> fmt::Debug for Ticket<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticket").field(&self.sending).finish()
    }
}

/// The future of [`RemoteShard::flush`](crate::RemoteShard::flush).
#[must_use = "futures do nothing unless polled"]
pub struct Flush {
    sending: Sending<Received>,
}

impl Flush {
    pub(crate) fn new(sending: Sending<Received>) -> Self {
        Flush { sending }
    }
}

impl Future for Flush {
    type Output = Result<(), SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.sending
            .poll_unsent(cx)
            .map_err(|_| SendError::Closed(()))
    }
}

impl fmt::Debug for Flush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Flush").field(&self.sending).finish()
    }
}
