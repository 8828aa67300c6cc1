//! The explicit front door: which ring an op goes to.

use std::fmt;

use ringmesh_msg::{NoSuchShard, ShardId};
use ringmesh_sched::Handle;
use ringmesh_sys::Sqe;

use crate::{
    driver::{self, Uring},
    op::Op,
    opcode::{OpCode, Res},
    raw::Raw,
};

/// One shard's ring, as a destination for ops.
///
/// Without a lane an op goes to the ring of the shard that polls it first. A lane says otherwise.
#[derive(Clone)]
pub struct Lane {
    handle: Handle,
    shard: ShardId,
}

impl Lane {
    /// The ring of the current shard; on a thread that is no shard, the one that an op polled there would go to.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[must_use]
    pub fn current() -> Self {
        let here = driver::with_current(|uring| Self {
            handle: uring.handle().clone(),
            shard: uring.shard(),
        });
        here.unwrap_or_else(Self::least_loaded)
    }

    /// The ring of this shard of the current runtime.
    ///
    /// # Errors
    ///
    /// If the runtime has no such shard.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    pub fn on(shard: ShardId) -> Result<Self, NoSuchShard> {
        let handle = current_handle("Lane");
        handle.shard(shard)?;
        Ok(Self { handle, shard })
    }

    /// The ring of the current runtime's least loaded shard.
    ///
    /// # Panics
    ///
    /// If no runtime is current on this thread.
    #[must_use]
    pub fn least_loaded() -> Self {
        Self::outside("Lane")
    }

    /// The lane of something that is first polled on a thread that is no shard.
    pub(crate) fn outside(name: &str) -> Self {
        let handle = current_handle(name);
        let shard = handle.least_loaded();
        Self { handle, shard }
    }

    /// The shard.
    #[must_use]
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// Ops alive on this ring at the moment.
    #[must_use]
    pub fn inflight(&self) -> usize {
        driver::of_shard(&self.handle, self.shard).map_or(0, |remote| remote.live())
    }

    /// An op for this ring.
    pub fn submit<T: OpCode>(&self, op: T) -> Op<T> {
        Op::new(op).on(self.clone())
    }

    /// An op that this crate does not wrap: `build` fills the SQE from `state`, `complete` reads the result.
    ///
    /// `complete` also runs if the future was dropped; what it returns is dropped then, so that a descriptor in the result is
    /// closed if `complete` makes an owner of it.
    ///
    /// # Safety
    ///
    /// Everything the SQE points to must be owned by `state`, and must stay valid and unmoved as long as `state` is not moved,
    /// dropped or touched: that is, until `complete` is called. The SQE must not ask for a completion that never comes, nor set
    /// `IO_LINK`, `IO_HARDLINK`, `IO_DRAIN` or `CQE_SKIP_SUCCESS`, nor `BUFFER_SELECT` with a group that `state` does not own. The
    /// descriptor that it names must be owned by `state` as well: a number that is closed meanwhile goes to a stranger. Of a
    /// multishot all but the last result are lost. `build` must not touch anything an earlier call gave to the kernel.
    pub unsafe fn submit_raw<S, B, C, R>(&self, state: S, build: B, complete: C) -> Op<Raw<S, B, C>>
    where
        S: Send + 'static,
        B: FnMut(&mut S) -> Sqe + Send + 'static,
        C: FnOnce(S, Res) -> R + Send + 'static,
        R: Send + 'static,
    {
        // SAFETY: the caller makes the promise that `Raw` passes on.
        let raw = unsafe { Raw::new(state, build, complete) };
        self.submit(raw)
    }

    /// Whether this is `uring`'s lane.
    pub(crate) fn is(&self, uring: &Uring) -> bool {
        self.shard == uring.shard() && self.handle.runtime_id() == uring.handle().runtime_id()
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// SQ entries of the ring, if it is a uring.
    pub(crate) fn entries(&self) -> Option<usize> {
        driver::of_shard(&self.handle, self.shard).map(|remote| remote.entries)
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lane").field(&self.shard).finish()
    }
}

/// The runtime of this thread.
fn current_handle(name: &str) -> Handle {
    match Handle::try_current() {
        Ok(handle) => handle,
        Err(_) => panic!(
            "ringmesh {name}: used outside a runtime: run it inside one (ringmesh::run, Runtime::block_on, #[ringmesh::main]), \
             enter a Handle on this thread, or make a runtime the process default with Runtime::install"
        ),
    }
}
