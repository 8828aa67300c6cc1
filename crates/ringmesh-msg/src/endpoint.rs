//! The receiving end of a shard's mailbox.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use crate::{Mesh, Received, RecvError, ShardId};

/// The receiving end of a shard's mailbox. There is one for each shard, and it has one owner.
#[derive(Debug)]
pub struct Endpoint {
    id: ShardId,
    mesh: Mesh,
}

impl Endpoint {
    /// The shard whose mailbox this is.
    pub fn id(&self) -> ShardId {
        self.id
    }

    /// The mesh that it belongs to.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// The next message; `None` once the mailbox is closed and empty.
    pub fn next_message(&mut self) -> NextMessage<'_> {
        NextMessage { endpoint: self }
    }

    /// The next message, if it is there already.
    pub fn try_next(&mut self) -> Option<Received> {
        unimplemented!()
    }

    /// Polls for the next message.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received>> {
        let _ = cx;
        unimplemented!()
    }

    /// Blocks this thread until a message comes, at most for `timeout`.
    pub fn recv_blocking(&mut self, timeout: Option<Duration>) -> Result<Received, RecvError> {
        let _ = timeout;
        unimplemented!()
    }
}

/// The next message of an [`Endpoint`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct NextMessage<'a> {
    endpoint: &'a mut Endpoint,
}

impl Future for NextMessage<'_> {
    type Output = Option<Received>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.endpoint.poll_next(cx)
    }
}
