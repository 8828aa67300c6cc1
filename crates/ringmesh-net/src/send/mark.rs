//! A place in the line of writers: `shutdown` and `flush`.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::socket::Socket;

/// Resolves when everything accepted before it went, and the given half is shut down.
pub(crate) struct Marking<S: Deref<Target = Socket>> {
    socket: S,
    how: Option<Shutdown>,
    key: Option<usize>,
    done: bool,
}

impl<S: Deref<Target = Socket>> Marking<S> {
    pub(crate) const fn new(socket: S, how: Option<Shutdown>) -> Self {
        Self {
            socket,
            how,
            key: None,
            done: false,
        }
    }
}

impl<S: Deref<Target = Socket>> Drop for Marking<S> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.socket.send.detach(key);
        }
    }
}

impl<S: Deref<Target = Socket>> Unpin for Marking<S> {}

impl<S: Deref<Target = Socket>> Future for Marking<S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        assert!(
            !this.done,
            "a shutdown or flush was polled after it had finished"
        );
        let key = match this.key {
            Some(key) => key,
            None => {
                let key = this.socket.send.enqueue_mark(this.how, cx.waker().clone());
                *this.key.insert(key)
            }
        };
        let verdict = ready!(this.socket.send.poll_verdict(key, cx));
        this.key = None;
        this.done = true;
        Poll::Ready(verdict.error().map_or(Ok(()), Err))
    }
}

impl<S: Deref<Target = Socket>> fmt::Debug for Marking<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Marking")
            .field("how", &self.how)
            .field("queue", &self.socket.send)
            .finish()
    }
}
