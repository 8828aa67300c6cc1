//! Ops for a ring of another thread.
//!
//! 1. The cells travel in one entry of the target shard's inbox, which is unbounded: there is at most one entry an op.
//! 2. The shard looks whether anybody still wants them, gives them slots, publishes where they are, fences, and looks again
//!    (B10, see [`state`](crate::state)): a future that was dropped meanwhile either keeps its op from being pushed, or one of the
//!    two sides sends the cancel.
//! 3. An entry that no shard will ever run (the runtime is gone) completes its ops as cancelled when it is dropped.

use std::sync::Arc;

use ringmesh_sched::task::{self, Meta};

use crate::{
    cell::{Cell, Completion, Next},
    driver,
    lane::Lane,
    opcode::Res,
};

/// Submits one cell from any thread: on the lane's ring, or this shard's, or the least loaded one.
///
/// # Panics
///
/// If no runtime is current on this thread and no lane says which to use.
pub(crate) fn submit(cell: Arc<dyn Cell>, lane: Option<&Lane>) {
    let here = driver::with_current(|uring| {
        let stays = lane.is_none_or(|lane| lane.is(uring));
        if stays {
            uring.submit_cell(Arc::clone(&cell), task::current());
        }
        stays
    });
    match (here, lane) {
        (Some(true), _) => {}
        (_, Some(lane)) => submit_to(lane, vec![cell]),
        (_, None) => submit_to(&Lane::outside("operation"), vec![cell]),
    }
}

/// Sends cells to a lane's shard; more than one are a chain.
pub(crate) fn submit_to(lane: &Lane, cells: Vec<Arc<dyn Cell>>) {
    let parcel = Parcel {
        cells,
        meta: task::current(),
    };
    // Closed: the parcel comes back inside the closure, is dropped, and completes its cells.
    let _closed = lane
        .handle()
        .post(lane.shard(), Box::new(move || parcel.unpack()));
}

/// Cells on their way to a shard.
struct Parcel {
    cells: Vec<Arc<dyn Cell>>,
    meta: Option<Arc<Meta>>,
}

impl Parcel {
    /// On the shard's thread.
    fn unpack(mut self) {
        driver::with_current(|uring| {
            let mut cells = std::mem::take(&mut self.cells);
            let meta = self.meta.take();
            uring.counters().remote_submits.add(1);
            if cells.len() > 1 {
                uring.submit_chain(cells, meta.as_ref());
            } else if let Some(cell) = cells.pop() {
                uring.submit_cell(cell, meta);
            }
        });
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        for cell in self.cells.drain(..) {
            refuse(cell);
        }
    }
}

/// Completes an op that no ring will take.
fn refuse(cell: Arc<dyn Cell>) {
    let done = Completion {
        res: Res::cancelled(),
        more: false,
        cancelled: true,
        closing: true,
    };
    match cell.on_cqe(done) {
        Next::Done | Next::Orphaned | Next::Again(_) => {}
    }
}
