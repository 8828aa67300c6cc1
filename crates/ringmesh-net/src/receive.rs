//! The receiving direction of a stream socket.
//!
//! Bytes belong to the socket, not to the future that asked for them. A receive that is armed in the kernel
//! and loses its future stays with the socket and is adopted by the next reader; whatever it brings (bytes,
//! the end of the stream, an error) is kept until a reader takes it.
//!
//! # The direction
//!
//! One reader at a time has the *turn* ([`Turns`]); the others stand in line. Only the holder of the turn
//! touches what is parked. A plain reader goes through these steps, and every edge names its function:
//!
//! ```text
//!              poll_enter: nothing parked            op ready, release
//!     Start ------------------------------> Own(op) --------------------> done
//!       |                                      |
//!       | poll_enter: bytes or end parked      | drop: park(op), release
//!       |      copy, keep the rest, release    v
//!       |-----------------> done          Parked { armed: Once(op) }
//!       |                                      |
//!       | poll_enter: op parked                |
//!       '--------> Adopted(op) <---------------'  the next reader
//!                     |    |
//!          op ready:  |    | drop: park(op), release
//!    keep, take again |    v
//!                     |   Parked
//!                     v
//!                   Start   (an op that was cancelled before it had bytes is no outcome)
//! ```
//!
//! # Order
//!
//! 1. parked bytes, oldest first;
//! 2. a parked end: end of stream, or the error that came after those bytes. The kernel reports an error
//!    once and says "end of stream" from then on, so an error that is not kept would turn a reset into a
//!    clean end;
//! 3. an armed op: it is adopted, because a second receive beside it could take later bytes first;
//! 4. a new op.
//!
//! # Cancelling
//!
//! A reader that is dropped leaves its op armed. If nobody waits in line, a cancel is requested, so that a
//! silent peer does not keep a buffer busy; if somebody does, that reader adopts the op as it is. A
//! multishot receive stays armed between calls; plain readers copy out of its leases. It pauses by itself when
//! its bytes are not fetched.
//!
//! Rejected: an op that belongs to its future and parks only its bytes. After a reset the first receive says
//! ECONNRESET and the second says 0; parking the bytes alone reads as a clean end (measured).
//!
//! No waker is called, cloned or dropped and no buffer of a caller is touched under the lock.

mod armed;
mod lease;
mod next;
mod read;
mod read_exact;
mod seat;
mod target;

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

pub(crate) use armed::{Armed, End};
pub use lease::Lease;
pub(crate) use next::Next;
pub(crate) use read::{Mode, Reading};
pub(crate) use read_exact::Filling;
pub(crate) use seat::Seat;
pub(crate) use target::{Flat, List};

use crate::turn::{Enter, Place, Turns};

/// What readers of one socket share.
#[derive(Debug, Default)]
pub(crate) struct Receive {
    direction: Mutex<Direction>,
}

#[derive(Debug, Default)]
struct Direction {
    turns: Turns,
    bytes: VecDeque<Lease>,
    end: Option<End>,
    armed: Option<Armed>,
}

/// The first parked thing, in the order of the module docs.
#[derive(Debug)]
pub(crate) enum Found {
    Nothing,
    Bytes(Lease),
    End(End),
    Armed(Armed),
}

impl Receive {
    /// Waits for the turn, then hands out the first parked thing.
    pub(crate) fn poll_enter(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<Found> {
        let mut spare = None;
        loop {
            let mut direction = self.direction.lock();
            match direction.turns.enter(place, &mut spare, cx) {
                Enter::Granted => return Poll::Ready(direction.take()),
                Enter::Queued(old) => {
                    drop(direction);
                    drop(old);
                    return Poll::Pending;
                }
                Enter::NeedsWaker => {
                    drop(direction);
                    spare = Some(cx.waker().clone());
                }
            }
        }
    }

    /// Puts bytes back to the front. Only for the holder of the turn.
    pub(crate) fn put_bytes(&self, bytes: Lease) {
        if !bytes.is_empty() {
            self.direction.lock().bytes.push_front(bytes);
        }
    }

    /// Keeps an end for the next reader. Only for the holder of the turn.
    pub(crate) fn put_end(&self, end: End) {
        self.direction.lock().end = Some(end);
    }

    /// Keeps an armed op for the next reader. Only for the holder of the turn.
    pub(crate) fn put_armed(&self, armed: Armed) {
        let mut direction = self.direction.lock();
        debug_assert!(direction.armed.is_none(), "one receive at a time");
        direction.armed = Some(armed);
    }

    /// Gives the turn back, and wakes the next reader or cancels what nobody waits for.
    pub(crate) fn release(&self, place: &mut Place) {
        let mut direction = self.direction.lock();
        let next = direction.turns.release(place);
        if next.is_none()
            && let Some(armed) = &mut direction.armed
        {
            armed.abandon();
        }
        drop(direction);
        wake(next);
    }

    /// Steps out of the line.
    pub(crate) fn leave(&self, place: &mut Place) {
        let (own, next) = self.direction.lock().turns.leave(place);
        drop(own);
        wake(next);
    }

    /// Whether nothing is armed, parked or waited for.
    pub(crate) fn is_quiet(&self) -> bool {
        let direction = self.direction.lock();
        !direction.turns.is_taken()
            && direction.turns.nobody_waits()
            && direction.bytes.is_empty()
            && direction.end.is_none()
            && direction.armed.is_none()
    }
}

impl Direction {
    fn take(&mut self) -> Found {
        if let Some(bytes) = self.bytes.pop_front() {
            return Found::Bytes(bytes);
        }
        if let Some(end) = self.end.take() {
            return Found::End(end);
        }
        match self.armed.take() {
            Some(armed) => Found::Armed(armed),
            None => Found::Nothing,
        }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
