//! A reader's place at a socket: gives the turn back or leaves the line when it is dropped.

use std::fmt;
use std::ops::Deref;
use std::task::{Context, Poll};

use super::{Armed, Found, Lease};
use crate::socket::Socket;
use crate::turn::Place;

/// Holds the socket (borrowed or owned) and the place in its receive direction.
pub(crate) struct Seat<S: Deref<Target = Socket>> {
    socket: S,
    place: Place,
}

impl<S: Deref<Target = Socket>> Seat<S> {
    pub(crate) const fn new(socket: S) -> Self {
        Self {
            socket,
            place: Place::Outside,
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Waits for the turn (or has it) and takes the first parked thing.
    pub(crate) fn poll_enter(&mut self, cx: &mut Context<'_>) -> Poll<Found> {
        self.socket.receive.poll_enter(&mut self.place, cx)
    }

    pub(crate) fn is_holding(&self) -> bool {
        self.place == Place::Holding
    }

    pub(crate) fn put_bytes(&self, bytes: Lease) {
        debug_assert!(self.is_holding());
        self.socket.receive.put_bytes(bytes);
    }

    pub(crate) fn put_armed(&self, armed: Armed) {
        debug_assert!(self.is_holding());
        self.socket.receive.put_armed(armed);
    }

    pub(crate) fn put_end(&self, end: super::End) {
        debug_assert!(self.is_holding());
        self.socket.receive.put_end(end);
    }

    /// Gives the turn back early; also happens on drop.
    pub(crate) fn release(&mut self) {
        match self.place {
            Place::Outside => {}
            Place::Waiting(_) => self.socket.receive.leave(&mut self.place),
            Place::Holding => self.socket.receive.release(&mut self.place),
        }
    }
}

impl<S: Deref<Target = Socket>> Drop for Seat<S> {
    fn drop(&mut self) {
        self.release();
    }
}

impl<S: Deref<Target = Socket>> fmt::Debug for Seat<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("place", &self.place).finish()
    }
}
