//! The receiving end of a shard's mailbox.

mod blocking;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use self::blocking::Sleeper;
use crate::{Mesh, NoSuchShard, Received, RecvError, RemoteShard, ShardId, mailbox::Receiver};

/// The receiving end of a shard's mailbox. There is one for each shard, and it has one owner.
///
/// Await [`next_message`](Self::next_message) in a task, or block a plain thread with
/// [`recv_blocking`](Self::recv_blocking). Dropping the endpoint closes the mailbox.
pub struct Endpoint {
    id: ShardId,
    mesh: Mesh,
    receiver: Receiver<Received>,
    sleeper: Option<Sleeper>,
}

impl Endpoint {
    pub(crate) fn new(id: ShardId, mesh: Mesh, receiver: Receiver<Received>) -> Self {
        Endpoint {
            id,
            mesh,
            receiver,
            sleeper: None,
        }
    }

    /// The shard whose mailbox this is.
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The mesh that it belongs to.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The way to another shard (or this one), with messages labelled as coming from here.
    pub fn shard(&self, id: ShardId) -> Result<RemoteShard, NoSuchShard> {
        Ok(self.mesh.shard(id)?.sent_by(self.id))
    }

    /// The next message; `None` once the mailbox is closed and empty.
    ///
    /// Safe to cancel: a message is either returned or still in the mailbox.
    pub fn next_message(&mut self) -> NextMessage<'_> {
        NextMessage { endpoint: self }
    }

    /// The next message, if it is there already.
    #[inline]
    pub fn try_next(&mut self) -> Option<Received> {
        self.receiver.try_recv()
    }

    /// As [`next_message`](Self::next_message), for futures written by hand. Only the waker of the last
    /// call is woken.
    #[inline]
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        self.receiver.poll_recv(cx)
    }

    /// Blocks this thread until a message comes; for `timeout` at most, if there is one.
    ///
    /// Spins about a microsecond, yields about twenty, and then parks the thread. Not for a thread that
    /// runs an async runtime.
    pub fn recv_blocking(&mut self, timeout: Option<Duration>) -> Result<Received, RecvError> {
        blocking::recv(&mut self.receiver, &mut self.sleeper, timeout)
    }

    /// Whether a message is ready: two loads.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.receiver.has_mail()
    }

    /// Whether the mailbox is closed and empty.
    pub fn is_finished(&self) -> bool {
        self.receiver.is_finished()
    }

    /// Closes the mailbox: messages are given back to their senders from now on. What has arrived can
    /// still be received.
    pub fn close(&self) {
        self.receiver.close();
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}

/// The future of [`Endpoint::next_message`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextMessage<'a> {
    endpoint: &'a mut Endpoint,
}

impl Future for NextMessage<'_> {
    type Output = Option<Received>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.endpoint.poll_next(cx)
    }
}
