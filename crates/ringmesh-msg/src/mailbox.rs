//! A bounded queue with many senders and one receiver.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use crate::SendError;

/// The sending side of a bounded mailbox.
#[derive(Debug)]
pub struct Mailbox<T>(std::marker::PhantomData<T>);

/// Resolves when a message is in its target's mailbox.
#[derive(Debug)]
#[must_use]
pub struct Ticket<M>(std::marker::PhantomData<M>);

impl<M> Future for Ticket<M> {
    type Output = Result<(), SendError<M>>;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        unimplemented!()
    }
}
