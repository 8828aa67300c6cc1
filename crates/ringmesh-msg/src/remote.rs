//! The way to one shard.

use std::fmt;

use crate::{Flush, Mailbox, Message, Raw, Received, SendError, ShardId, Ticket};

/// Messages that are put into the mailbox before one wake; picked.
const BATCH: usize = 32;

/// The way to one shard's mailbox, from any thread. Clones lead to the same mailbox.
///
/// Sending is eager: when the call returns, the message is in the target's mailbox if there was room, and
/// the target was woken if it slept. The [`Ticket`] is for the other case: it resolves when the message
/// is in. Nothing is dropped and nothing is queued without a bound.
///
/// What one sender sends arrives in the order of the calls.
#[derive(Clone)]
pub struct RemoteShard {
    id: ShardId,
    from: Option<ShardId>,
    mailbox: Mailbox<Received>,
}

impl RemoteShard {
    pub(crate) fn new(id: ShardId, mailbox: Mailbox<Received>) -> Self {
        let from = None;
        RemoteShard { id, from, mailbox }
    }

    /// The shard it leads to.
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The same way, for a sender that is shard `from`: the receiver sees it in
    /// [`Received::from`]. It is a label, nobody checks it.
    pub fn sent_by(mut self, from: ShardId) -> RemoteShard {
        self.from = Some(from);
        self
    }

    /// Sends a message; the ticket resolves when it is in the target's mailbox, or with
    /// [`SendError::Closed`] and the message if the target is gone.
    pub fn send<M: Message>(&self, message: M) -> Ticket<M> {
        Ticket::new(self.mailbox.send(self.pack(message)))
    }

    /// Sends a message if there is room and nobody waits for it; otherwise gives it back.
    pub fn try_send<M: Message>(&self, message: M) -> Result<(), SendError<M>> {
        self.mailbox
            .try_send(self.pack(message))
            .map_err(|error| error.map(unpack))
    }

    /// Sends two words; without an allocation if there is room.
    #[inline]
    pub fn send_raw(&self, tag: u16, val: u32) -> Ticket<Raw> {
        self.send(Raw { tag, val })
    }

    /// Sends two words if there is room; never allocates.
    #[inline]
    pub fn try_send_raw(&self, tag: u16, val: u32) -> Result<(), SendError<Raw>> {
        self.try_send(Raw { tag, val })
    }

    /// Sends all messages in order, waits for room where there is none, and says how many were sent.
    ///
    /// The target is woken once for 32 messages, not for each. If the target is gone, the messages that
    /// were taken from the iterator and not delivered are given back, in order.
    ///
    /// Not atomic: messages of other senders may come in between, and if the future is dropped, what was
    /// delivered stays delivered, and at most 32 messages are dropped with it.
    pub async fn send_many<M, I>(&self, messages: I) -> Result<usize, SendError<Vec<M>>>
    where
        M: Message,
        I: IntoIterator<Item = M>,
    {
        let mut messages = messages.into_iter();
        let mut sent = 0;
        loop {
            // Asking and packing run the user's code, so they come first: no wake may be owed meanwhile.
            let mut batch = [const { None }; BATCH];
            let mut asked = 0;
            for (place, message) in batch.iter_mut().zip(messages.by_ref()) {
                *place = Some(self.pack(message));
                asked += 1;
            }
            let mut rest = batch.into_iter().flatten();
            while let Some(refused) = self.put_batch(&mut rest) {
                if let Err(error) = self.mailbox.send(refused).await {
                    let unsent = std::iter::once(error.into_inner()).chain(rest);
                    return Err(SendError::Closed(unsent.map(unpack).collect()));
                }
            }
            sent += asked;
            if asked < BATCH {
                return Ok(sent);
            }
        }
    }

    /// Resolves when every message that was sent here before is in the target's mailbox and the target
    /// was alive; with [`SendError::Closed`] if it is gone.
    ///
    /// "Before" covers all senders to this target, so it covers this one's tickets. It does not say that
    /// the target has read them.
    pub fn flush(&self) -> Flush {
        Flush::new(self.mailbox.flush())
    }

    /// Whether the target takes no more messages.
    pub fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Puts messages in until one is refused, which is given back, and then wakes the target if it sleeps.
    fn put_batch(&self, messages: &mut impl Iterator<Item = Received>) -> Option<Received> {
        let mut wakes = false;
        let mut refused = None;
        for message in messages {
            match self.mailbox.try_put(message) {
                Ok(sleeps) => wakes |= sleeps,
                Err(error) => {
                    refused = Some(error.into_inner());
                    break;
                }
            }
        }
        if wakes {
            self.mailbox.wake_receiver();
        }
        refused
    }

    fn pack<M: Message>(&self, message: M) -> Received {
        Received {
            from: self.from,
            body: message.into_body(),
        }
    }
}

/// What we packed as an `M`.
pub(crate) fn unpack<M: Message>(received: Received) -> M {
    match M::from_body(received.body) {
        Ok(message) => message,
        Err(_) => panic!(
            "{}::from_body does not take what its into_body gave",
            std::any::type_name::<M>()
        ),
    }
}

impl fmt::Debug for RemoteShard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteShard")
            .field("id", &self.id)
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}
