//! The way to one shard.

use crate::{Message, Raw, SendError, ShardId, Ticket};

/// The way to one shard's mailbox, from any thread.
#[derive(Clone, Debug)]
pub struct RemoteShard {
    id: ShardId,
    from: Option<ShardId>,
}

impl RemoteShard {
    /// The shard it leads to.
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The same way, for messages that say they come from shard `from`.
    pub fn sent_by(mut self, from: ShardId) -> RemoteShard {
        self.from = Some(from);
        self
    }

    /// Sends a message; the ticket resolves when it is in the target's mailbox.
    pub fn send<M: Message>(&self, message: M) -> Ticket<M> {
        let _ = message;
        unimplemented!()
    }

    /// Sends a message if there is room now; otherwise gives it back.
    pub fn try_send<M: Message>(&self, message: M) -> Result<(), SendError<M>> {
        let _ = message;
        unimplemented!()
    }

    /// Sends two words; no allocation.
    pub fn send_raw(&self, tag: u16, val: u32) -> Ticket<Raw> {
        self.send(Raw { tag, val })
    }

    /// Sends two words if there is room now.
    pub fn try_send_raw(&self, tag: u16, val: u32) -> Result<(), SendError<Raw>> {
        self.try_send(Raw { tag, val })
    }

    /// Sends all messages in order, with one wake a batch; waits for room where there is none.
    pub async fn send_many<M: Message>(
        &self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<usize, SendError<M>> {
        let _ = messages;
        unimplemented!()
    }

    /// Resolves when every message that was sent to this shard before is in its mailbox.
    pub async fn flush(&self) -> Result<(), SendError<()>> {
        unimplemented!()
    }
}
