//! A message that is on its way into the mailbox.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use super::{Mailbox, waiters::Fate};
use crate::{SendError, waker_cell::discard};

/// The future of [`Mailbox::send`].
#[must_use = "dropping it takes the message back if it had to wait; `.await` it"]
pub struct Sending<T>(State<T>);

pub(super) enum State<T> {
    Delivered,
    Waiting { mailbox: Mailbox<T>, id: u64 },
    Refused(T),
    FlushRefused,
    Done,
}

impl<T> Sending<T> {
    pub(super) fn new(state: State<T>) -> Self {
        Sending(state)
    }

    /// Whether the message was in the mailbox when it was last looked at.
    pub fn is_delivered(&self) -> bool {
        matches!(self.0, State::Delivered)
    }

    /// Ready with the message (none for a flush) if the mailbox is closed.
    pub(crate) fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Option<T>>> {
        if let State::Waiting { mailbox, id } = &self.0 {
            match mailbox.shared.check(*id, cx.waker()) {
                Fate::Waiting(old) => {
                    old.into_iter().for_each(discard);
                    return Poll::Pending;
                }
                Fate::Delivered => self.0 = State::Delivered,
                Fate::Closed(Some(message)) => self.0 = State::Refused(message),
                Fate::Closed(None) => self.0 = State::FlushRefused,
            }
        }
        Poll::Ready(match std::mem::replace(&mut self.0, State::Done) {
            State::Delivered => Ok(()),
            State::Refused(message) => Err(Some(message)),
            State::FlushRefused => Err(None),
            State::Waiting { .. } | State::Done => panic!("polled after it was done"),
        })
    }
}

/// The message is never pinned: it is only ever moved.
impl<T> Unpin for Sending<T> {}

impl<T> Future for Sending<T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_unsent(cx).map_err(|message| {
            SendError::Closed(message.expect("a send that is refused has its message"))
        })
    }
}

impl<T> Drop for Sending<T> {
    fn drop(&mut self) {
        if let State::Waiting { mailbox, id } = &self.0 {
            mailbox.shared.withdraw(*id);
        }
    }
}

impl<T> fmt::Debug for Sending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Delivered => "Sending(delivered)",
            State::Waiting { .. } => "Sending(waiting)",
            State::Refused(_) | State::FlushRefused => "Sending(refused)",
            State::Done => "Sending(done)",
        })
    }
}
