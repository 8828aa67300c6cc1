//! A future that a thread drives besides its tasks: `Builder::run`'s, or a `block_on` on a shard.
//!
//! It stands on the caller's stack, need be neither `Send` nor `'static`, and is polled by the loop.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{AcqRel, Acquire, Release},
        },
    },
    task::{Context, Wake, Waker},
};

use crate::context;
use crate::core::Peer;

/// Says that the root shall be polled.
#[derive(Debug)]
pub(crate) struct Flag {
    woken: AtomicBool,
    peer: Arc<Peer>,
}

impl Flag {
    /// One load: the idle ladder asks this.
    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.woken.load(Acquire)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release pairs with the Acquire in `is_woken`.
        if self.woken.swap(true, Release) {
            return;
        }
        let home = context::with_shard_of(self.peer.runtime, |shard| shard.id() == self.peer.id);
        if home != Some(true) {
            self.peer.nudge();
        }
    }
}

/// A root future, erased: its output stays with whoever made the closure.
pub(crate) struct Root<'a> {
    flag: Arc<Flag>,
    waker: Waker,
    poll: &'a mut dyn FnMut(&mut Context<'_>) -> bool,
    done: bool,
}

impl<'a> Root<'a> {
    /// `poll` polls the future and says whether it is done.
    pub(crate) fn new(peer: &Arc<Peer>, poll: &'a mut dyn FnMut(&mut Context<'_>) -> bool) -> Self {
        let flag = Arc::new(Flag {
            woken: AtomicBool::new(true),
            peer: Arc::clone(peer),
        });
        let waker = Waker::from(Arc::clone(&flag));
        Self {
            flag,
            waker,
            poll,
            done: false,
        }
    }

    pub(crate) fn flag(&self) -> Arc<Flag> {
        Arc::clone(&self.flag)
    }

    /// Whether the future wants to be polled; takes the wish.
    pub(crate) fn is_woken(&self) -> bool {
        self.flag.is_set() && self.flag.woken.swap(false, AcqRel)
    }

    /// Polls the future; `true` when it is done.
    pub(crate) fn poll(&mut self) -> bool {
        if !self.done {
            self.done = (self.poll)(&mut Context::from_waker(&self.waker));
        }
        self.done
    }
}
