//! Whose turn it is on one direction of a socket.
//!
//! At most one future at a time may use a direction; the others wait, first come, first served.
//!
//! ```text
//!              enter (free, nobody waits)
//!   Outside ------------------------------> Holding ---- release -----> Outside
//!      |                                       ^            \
//!      | enter (taken, or others wait)         | enter       `-> wakes the first waiter
//!      v                                       | (free, and first in line)
//!   Waiting(id) -------------------------------'
//!      |
//!      `------- leave (dropped): out of the line; the new first is woken if the direction is free
//! ```
//!
//! The line survives a waiter that was woken and then dropped: `leave` passes the wake on.

use std::collections::VecDeque;
use std::task::{Context, Waker};

/// Where one future stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Outside,
    Waiting(u64),
    Holding,
}

/// What [`Turns::enter`] says.
#[must_use]
pub(crate) enum Enter {
    /// The turn is the caller's until it calls [`Turns::release`].
    Granted,
    /// The caller stands in line and will be woken. The waker that was replaced is handed out so that it
    /// can be dropped outside the lock: dropping a waker may run foreign code.
    Queued(Option<Waker>),
    /// The caller must wait, so it shall clone its waker (outside the lock) and come again.
    NeedsWaker,
}

/// The line of one direction. Lives under the direction's lock.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    taken: bool,
    line: VecDeque<(u64, Waker)>,
    next_id: u64,
}

impl Turns {
    /// Takes the turn if it is free and the caller is first, else stands in line.
    pub(crate) fn enter(
        &mut self,
        place: &mut Place,
        spare: &mut Option<Waker>,
        cx: &Context<'_>,
    ) -> Enter {
        match *place {
            Place::Holding => return Enter::Granted,
            Place::Outside if !self.taken && self.line.is_empty() => {}
            Place::Waiting(id) if !self.taken && self.is_first(id) => {
                let first = self.line.pop_front();
                *spare = first.map(|(_, waker)| waker);
            }
            Place::Outside => return self.stand_in_line(place, spare),
            Place::Waiting(id) => return self.refresh(id, spare, cx),
        }
        self.taken = true;
        *place = Place::Holding;
        Enter::Granted
    }

    /// Gives the turn back; the waker of the next in line is to be woken outside the lock.
    #[must_use]
    pub(crate) fn release(&mut self, place: &mut Place) -> Option<Waker> {
        debug_assert_eq!(*place, Place::Holding);
        *place = Place::Outside;
        self.taken = false;
        self.first_waker()
    }

    /// Steps out of the line. Gives the caller's own waker (to be dropped) and one to wake, both outside the lock.
    #[must_use]
    pub(crate) fn leave(&mut self, place: &mut Place) -> (Option<Waker>, Option<Waker>) {
        let Place::Waiting(id) = *place else {
            return (None, None);
        };
        *place = Place::Outside;
        let Some(at) = self.line.iter().position(|(other, _)| *other == id) else {
            return (None, None);
        };
        let own = self.line.remove(at).map(|(_, waker)| waker);
        let next = if at == 0 && !self.taken {
            self.first_waker()
        } else {
            None
        };
        (own, next)
    }

    /// Whether somebody holds the turn.
    pub(crate) fn is_taken(&self) -> bool {
        self.taken
    }

    /// Whether nobody stands in line.
    pub(crate) fn nobody_waits(&self) -> bool {
        self.line.is_empty()
    }

    fn is_first(&self, id: u64) -> bool {
        self.line.front().is_some_and(|(first, _)| *first == id)
    }

    fn first_waker(&self) -> Option<Waker> {
        self.line.front().map(|(_, waker)| waker.clone())
    }

    fn stand_in_line(&mut self, place: &mut Place, spare: &mut Option<Waker>) -> Enter {
        let Some(waker) = spare.take() else {
            return Enter::NeedsWaker;
        };
        let id = self.next_id;
        self.next_id += 1;
        self.line.push_back((id, waker));
        *place = Place::Waiting(id);
        Enter::Queued(None)
    }

    fn refresh(&mut self, id: u64, spare: &mut Option<Waker>, cx: &Context<'_>) -> Enter {
        let Some((_, waker)) = self.line.iter_mut().find(|(other, _)| *other == id) else {
            debug_assert!(false, "a waiter is in line until it leaves");
            return Enter::Queued(None);
        };
        if waker.will_wake(cx.waker()) {
            return Enter::Queued(None);
        }
        match spare.take() {
            Some(fresh) => Enter::Queued(Some(std::mem::replace(waker, fresh))),
            None => Enter::NeedsWaker,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(turns: &mut Turns, place: &mut Place) -> bool {
        let cx = Context::from_waker(Waker::noop());
        let mut spare = Some(Waker::noop().clone());
        matches!(turns.enter(place, &mut spare, &cx), Enter::Granted)
    }

    #[test]
    fn turns_are_first_come_first_served() {
        let mut turns = Turns::default();
        let (mut a, mut b, mut c) = (Place::Outside, Place::Outside, Place::Outside);
        assert!(enter(&mut turns, &mut a));
        assert!(!enter(&mut turns, &mut b));
        assert!(!enter(&mut turns, &mut c));
        assert!(turns.release(&mut a).is_some());
        assert!(!enter(&mut turns, &mut c), "b came first");
        assert!(!enter(&mut turns, &mut a), "others wait already");
        assert!(enter(&mut turns, &mut b));
        assert!(turns.release(&mut b).is_some());
        assert!(enter(&mut turns, &mut c));
    }

    #[test]
    fn a_woken_waiter_that_leaves_passes_the_wake_on() {
        let mut turns = Turns::default();
        let (mut a, mut b, mut c) = (Place::Outside, Place::Outside, Place::Outside);
        assert!(enter(&mut turns, &mut a));
        assert!(!enter(&mut turns, &mut b));
        assert!(!enter(&mut turns, &mut c));
        let _woken = turns.release(&mut a);
        let (own, next) = turns.leave(&mut b);
        assert!(own.is_some());
        assert!(next.is_some(), "c must be woken in b's place");
        assert!(enter(&mut turns, &mut c));
    }

    #[test]
    fn a_waiter_in_the_middle_leaves_quietly() {
        let mut turns = Turns::default();
        let (mut a, mut b, mut c) = (Place::Outside, Place::Outside, Place::Outside);
        assert!(enter(&mut turns, &mut a));
        assert!(!enter(&mut turns, &mut b));
        assert!(!enter(&mut turns, &mut c));
        let (own, next) = turns.leave(&mut c);
        assert!(own.is_some() && next.is_none());
        assert!(!turns.nobody_waits());
    }
}
