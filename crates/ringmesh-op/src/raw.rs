//! Ops that this crate does not wrap.

use std::fmt;

use ringmesh_sys::Sqe;

use crate::opcode::{OpCode, Res};

/// An op made of closures, see [`Lane::submit_raw`](crate::Lane::submit_raw).
pub struct Raw<S, B, C> {
    state: S,
    build: B,
    complete: C,
}

/// The kind of raw ops in `user_data`.
const KIND_RAW: u8 = 0xC0;

impl<S, B, C> Raw<S, B, C> {
    /// # Safety
    ///
    /// As [`Lane::submit_raw`](crate::Lane::submit_raw).
    pub(crate) unsafe fn new(state: S, build: B, complete: C) -> Self {
        Self {
            state,
            build,
            complete,
        }
    }
}

// SAFETY: whoever made the value promised this for what `build` writes.
unsafe impl<S, B, C, R> OpCode for Raw<S, B, C>
where
    S: Send + 'static,
    B: FnMut(&mut S) -> Sqe + Send + 'static,
    C: FnOnce(S, Res) -> R + Send + 'static,
    R: Send + 'static,
{
    type Output = R;

    const NAME: &'static str = "raw";
    const KIND: u8 = KIND_RAW;

    fn sqe(&mut self) -> Sqe {
        (self.build)(&mut self.state)
    }

    unsafe fn complete(self, res: Res) -> R {
        (self.complete)(self.state, res)
    }

    unsafe fn orphan(self, res: Res) {
        drop((self.complete)(self.state, res));
    }
}

impl<S, B, C> fmt::Debug for Raw<S, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").finish_non_exhaustive()
    }
}
