//! The guard around a task's future.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{
    Id, Place, Running,
    error::Cause,
    join::{JoinCell, Outcome},
};
use crate::{
    context,
    metrics::EventKind,
    shield::{self, catch},
};

pin_project! {
    /// Polls and drops `future` so that none of its panics gets out, and tells the join cell.
    pub(crate) struct Guarded<F: Future> {
        #[pin]
        future: Option<F>,
        id: Id,
        place: Place,
        cell: Arc<JoinCell<F::Output>>,
    }

    impl<F: Future> PinnedDrop for Guarded<F> {
        fn drop(this: Pin<&mut Self>) {
            if this.future.is_some() {
                this.cancel();
            }
        }
    }
}

impl<F: Future> Guarded<F> {
    pub(crate) fn new(id: Id, future: F, place: Place, cell: Arc<JoinCell<F::Output>>) -> Self {
        Self {
            future: Some(future),
            id,
            place,
            cell,
        }
    }

    /// Ends the task without an output: it was aborted, or dropped by a shutdown, and so is not polled
    /// any more.
    #[cold]
    fn cancel(self: Pin<&mut Self>) {
        let aborted = self.cell.is_aborted();
        self.finish(Err(if aborted {
            Cause::Cancelled
        } else {
            Cause::RuntimeGone
        }));
    }

    /// Drops the future, and then tells everyone.
    fn finish(mut self: Pin<&mut Self>, outcome: Outcome<F::Output>) {
        let dropped = catch(|| self.as_mut().project().future.set(None));
        let outcome = match dropped {
            Ok(()) => outcome,
            Err(payload) => {
                shield::drop_quietly(outcome);
                Err(Cause::panic(payload))
            }
        };
        self.cell.retire(matches!(outcome, Err(Cause::Panic(_))));
        self.cell.complete(outcome);
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.as_mut().project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(());
        };
        let place = mem::replace(this.place, Place::Nowhere);
        note_poll(*this.id, &place);
        let mut running = Running::new(*this.id, place);
        let budget = context::begin_poll(&mut running);
        let polled = catch(|| future.poll(cx));
        context::end_poll(&mut running, budget);
        *this.place = running.into_place();
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(Cause::panic(payload)),
        };
        self.finish(outcome);
        Poll::Ready(())
    }
}

/// Counts a poll of a task that has an operation armed on another ring, and records polls.
#[inline]
fn note_poll(task: Id, place: &Place) {
    context::with_shard(|shard| {
        if let Some(meta) = place.made()
            && meta.armed_elsewhere(shard.id())
        {
            shard.counters().polls_op_elsewhere.add(1);
        }
        if let Some(recorder) = shard.recorder() {
            recorder.record(EventKind::Polled { task });
        }
    });
}
