//! The guard around a task's future.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{
    Running,
    error::{Cause, JoinError},
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
        running: Running,
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
    pub(crate) fn new(future: F, running: Running, cell: Arc<JoinCell<F::Output>>) -> Self {
        Self {
            future: Some(future),
            running,
            cell,
        }
    }

    /// Ends the task without an output: aborted, or dropped by a shutdown.
    #[cold]
    fn cancel(self: Pin<&mut Self>) {
        let id = self.cell.id();
        let cause = if self.cell.is_aborted() {
            Cause::Cancelled
        } else {
            Cause::RuntimeGone
        };
        self.finish(Err(JoinError::new(id, cause)));
    }

    /// Drops the future, and then tells everyone.
    fn finish(mut self: Pin<&mut Self>, outcome: Outcome<F::Output>) {
        let dropped = catch(|| self.as_mut().project().future.set(None));
        let cell = &self.cell;
        let outcome = match dropped {
            Ok(()) => outcome,
            Err(payload) => {
                shield::drop_quietly(outcome);
                Err(JoinError::panic(cell.id(), payload))
            }
        };
        cell.retire(outcome.as_ref().is_err_and(JoinError::is_panic));
        cell.complete(outcome);
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.cell.is_aborted() {
            self.cancel();
            return Poll::Ready(());
        }
        let mut this = self.as_mut().project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            return Poll::Ready(());
        };
        note_poll(this.running);
        let budget = context::begin_poll(this.running);
        let polled = catch(|| future.poll(cx));
        context::end_poll(this.running, budget);
        let outcome = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(JoinError::panic(this.cell.id(), payload)),
        };
        self.finish(outcome);
        Poll::Ready(())
    }
}

/// Counts a poll of a task that has an operation armed on another ring, and records polls.
#[inline]
fn note_poll(running: &Running) {
    let made = running.made();
    context::with_shard(|shard| {
        if made.is_some_and(|meta| meta.armed_elsewhere(shard.id())) {
            shard.counters().polls_op_elsewhere.add(1);
        }
        if let (Some(recorder), Some(task)) = (shard.recorder(), running.id()) {
            recorder.record(EventKind::Polled { task });
        }
    });
}
