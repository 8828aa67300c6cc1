//! Linked ops: each starts when the one before it has succeeded, without a round trip through the program.

use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use ringmesh_sched::task;

use crate::{cell::Cell, driver, lane::Lane, op::Op, opcode::OpCode, remote};

/// A list of ops that the kernel runs one after the other (`IOSQE_IO_LINK`).
///
/// The output has one result a step. The first step that fails, or that is short (fewer bytes than its buffer holds), stops the
/// chain: its result says why, and the steps after it come back with `ECANCELED` and their buffers.
///
/// The chain goes into the submission queue whole. Its steps go to the ring as they are: no inline answers, and no repeats of
/// interrupted or spuriously cancelled steps, because a repeat would run out of order.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use ringmesh_op::{Chain, SharedFd, ops::{Fsync, Write}};
///
/// ringmesh_op::run(async {
///     let log: SharedFd = std::os::fd::OwnedFd::from(std::fs::File::create("log")?).into();
///     let (wrote, synced) = Chain::new().then(Write::new(&log, "entry\n", 0)).then(Fsync::new(&log)).submit()?.await;
///     wrote?;
///     synced?;
///     Ok(())
/// })?
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a chain reaches the kernel when it is submitted and polled"]
#[doc(alias = "IOSQE_IO_LINK")]
pub struct Chain<S> {
    steps: S,
    lane: Option<Lane>,
}

/// The future of a [`Chain`]: one output a step.
///
/// Dropping it drops its steps as ops are dropped: those in flight are cancelled, and so are those behind them.
#[must_use = "a chain reaches the kernel when it is polled"]
pub struct Linked<S: Steps> {
    links: S::Links,
    lane: Option<Lane>,
    pushed: bool,
}

/// A chain that is longer than the ring's submission queue, which has to take it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainTooLong {
    /// Steps of the chain.
    pub steps: usize,
    /// Entries of the submission queue.
    pub entries: usize,
}

impl Chain<()> {
    /// An empty chain.
    pub fn new() -> Self {
        Self {
            steps: (),
            lane: None,
        }
    }

    /// A chain of any number of ops of one type; its output is a `Vec`.
    pub fn of<T: OpCode>(ops: impl IntoIterator<Item = T>) -> Chain<Vec<T>> {
        Chain {
            steps: ops.into_iter().collect(),
            lane: None,
        }
    }
}

impl Default for Chain<()> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Chain<S> {
    /// Adds a step: up to eight of different types, see [`of`](Chain::of) for more.
    pub fn then<T: OpCode>(self, op: T) -> Chain<S::Longer>
    where
        S: Push<T>,
    {
        Chain {
            steps: self.steps.push(op),
            lane: self.lane,
        }
    }

    /// Sends the chain to this lane's ring.
    pub fn on(mut self, lane: Lane) -> Self {
        self.lane = Some(lane);
        self
    }
}

impl<S: Steps> Chain<S> {
    /// Makes the future. As with a single op, nothing reaches the kernel before its first poll.
    ///
    /// # Errors
    ///
    /// If the chain does not fit into the submission queue of its ring: the lane's, or the current shard's. Where neither is known
    /// yet, each step of a chain that turns out too long fails with `E2BIG`.
    pub fn submit(self) -> Result<Linked<S>, ChainTooLong> {
        let entries = match &self.lane {
            Some(lane) => lane.entries(),
            None => driver::with_current(|uring| uring.entries()),
        };
        let steps = self.steps.count();
        match entries {
            Some(entries) if steps > entries => Err(ChainTooLong { steps, entries }),
            _ => Ok(Linked {
                links: self.steps.link(),
                lane: self.lane,
                pushed: false,
            }),
        }
    }
}

impl<S: Steps> Linked<S> {
    /// Requests a cancel of every step that is not done, without waiting.
    pub fn request_cancel(&self) {
        S::request_cancel(&self.links);
    }

    fn push(&mut self, cx: &Context<'_>) {
        self.pushed = true;
        let mut cells = Cells(Vec::new());
        S::cells(&mut self.links, cx, &mut cells);
        let mut cells = Some(cells.0);
        let lane = self.lane.take();
        driver::with_current(|uring| {
            if lane.as_ref().is_none_or(|lane| lane.is(uring)) {
                let cells = cells.take().unwrap_or_default();
                uring.submit_chain(cells, task::current().as_ref());
            }
        });
        if let Some(cells) = cells {
            remote::submit_to(&lane.unwrap_or_else(|| Lane::outside("Chain")), cells);
        }
    }
}

impl<S: Steps> Unpin for Linked<S> {}

impl<S: Steps> Future for Linked<S> {
    type Output = S::Outputs;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<S::Outputs> {
        let this = self.get_mut();
        if !this.pushed {
            this.push(cx);
            return if S::is_empty(&this.links) {
                Poll::Ready(S::take(&mut this.links))
            } else {
                Poll::Pending
            };
        }
        if S::poll(&mut this.links, cx) {
            Poll::Ready(S::take(&mut this.links))
        } else {
            Poll::Pending
        }
    }
}

impl<S: Steps> fmt::Debug for Linked<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linked")
            .field("pushed", &self.pushed)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ChainTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a chain of {} operations does not fit into a submission queue of {} entries, which must take it whole: make the chain shorter or the ring larger (ring_entries)",
            self.steps, self.entries
        )
    }
}

impl Error for ChainTooLong {}

/// One step on its way.
pub struct Link<T: OpCode> {
    op: Op<T>,
    output: Option<T::Output>,
}

impl<T: OpCode> Link<T> {
    fn new(op: T) -> Self {
        Self {
            op: Op::new(op),
            output: None,
        }
    }

    /// Whether the output is there.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if self.output.is_none()
            && let Poll::Ready((op, res)) = self.op.poll_parts(cx)
        {
            // SAFETY: `poll_parts` gives an op with its own result.
            self.output = Some(unsafe { op.complete(res) });
        }
        self.output.is_some()
    }

    fn take(&mut self) -> T::Output {
        match self.output.take() {
            Some(output) => output,
            None => panic!("ringmesh: a chain was polled after it had completed"),
        }
    }
}

impl<T: OpCode> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("op", &self.op)
            .finish_non_exhaustive()
    }
}

/// The cells of a chain, in order.
#[doc(hidden)]
pub struct Cells(Vec<Arc<dyn Cell>>);

impl fmt::Debug for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cells")
            .field("steps", &self.0.len())
            .finish()
    }
}

mod sealed {
    pub trait Sealed {}
}

/// The steps of a chain: a tuple of up to eight ops, or a `Vec` of one type of op. Sealed.
pub trait Steps: sealed::Sealed + Sized {
    /// One output a step.
    type Outputs;
    #[doc(hidden)]
    type Links;
    #[doc(hidden)]
    fn count(&self) -> usize;
    #[doc(hidden)]
    fn link(self) -> Self::Links;
    #[doc(hidden)]
    fn is_empty(links: &Self::Links) -> bool;
    #[doc(hidden)]
    fn cells(links: &mut Self::Links, cx: &Context<'_>, cells: &mut Cells);
    #[doc(hidden)]
    fn poll(links: &mut Self::Links, cx: &mut Context<'_>) -> bool;
    #[doc(hidden)]
    fn take(links: &mut Self::Links) -> Self::Outputs;
    #[doc(hidden)]
    fn request_cancel(links: &Self::Links);
}

/// Steps that one more of type `T` can follow. Sealed.
pub trait Push<T>: sealed::Sealed {
    /// The steps with `T` at their end.
    type Longer;
    #[doc(hidden)]
    fn push(self, op: T) -> Self::Longer;
}

impl<T: OpCode> sealed::Sealed for Vec<T> {}

impl<T: OpCode> Steps for Vec<T> {
    type Outputs = Vec<T::Output>;
    type Links = Vec<Link<T>>;

    fn count(&self) -> usize {
        self.len()
    }

    fn link(self) -> Vec<Link<T>> {
        self.into_iter().map(Link::new).collect()
    }

    fn is_empty(links: &Vec<Link<T>>) -> bool {
        links.is_empty()
    }

    fn cells(links: &mut Vec<Link<T>>, cx: &Context<'_>, cells: &mut Cells) {
        cells
            .0
            .extend(links.iter_mut().map(|link| link.op.link(cx)));
    }

    fn poll(links: &mut Vec<Link<T>>, cx: &mut Context<'_>) -> bool {
        let mut ready = true;
        for link in links {
            ready &= link.poll(cx);
        }
        ready
    }

    fn take(links: &mut Vec<Link<T>>) -> Vec<T::Output> {
        links.iter_mut().map(Link::take).collect()
    }

    fn request_cancel(links: &Vec<Link<T>>) {
        links.iter().for_each(|link| link.op.request_cancel());
    }
}

impl<T: OpCode> Push<T> for Vec<T> {
    type Longer = Self;

    fn push(mut self, op: T) -> Self {
        Vec::push(&mut self, op);
        self
    }
}

impl sealed::Sealed for () {}

impl<T: OpCode> Push<T> for () {
    type Longer = (T,);

    fn push(self, op: T) -> (T,) {
        (op,)
    }
}

macro_rules! steps {
    ($($T:ident $index:tt),+) => {
        impl<$($T: OpCode),+> sealed::Sealed for ($($T,)+) {}

        impl<$($T: OpCode),+> Steps for ($($T,)+) {
            type Outputs = ($($T::Output,)+);
            type Links = ($(Link<$T>,)+);

            fn count(&self) -> usize {
                [$($index),+].len()
            }

            fn link(self) -> Self::Links {
                ($(Link::new(self.$index),)+)
            }

            fn is_empty(_links: &Self::Links) -> bool {
                false
            }

            fn cells(links: &mut Self::Links, cx: &Context<'_>, cells: &mut Cells) {
                $(cells.0.push(links.$index.op.link(cx));)+
            }

            fn poll(links: &mut Self::Links, cx: &mut Context<'_>) -> bool {
                let ready = [$(links.$index.poll(cx)),+];
                ready.iter().all(|ready| *ready)
            }

            fn take(links: &mut Self::Links) -> Self::Outputs {
                ($(links.$index.take(),)+)
            }

            fn request_cancel(links: &Self::Links) {
                $(links.$index.op.request_cancel();)+
            }
        }
    };
}

macro_rules! push {
    ($($T:ident $index:tt),+ => $Next:ident) => {
        impl<$($T: OpCode,)+ $Next: OpCode> Push<$Next> for ($($T,)+) {
            type Longer = ($($T,)+ $Next);

            fn push(self, op: $Next) -> Self::Longer {
                ($(self.$index,)+ op)
            }
        }
    };
}

steps!(A 0);
steps!(A 0, B 1);
steps!(A 0, B 1, C 2);
steps!(A 0, B 1, C 2, D 3);
steps!(A 0, B 1, C 2, D 3, E 4);
steps!(A 0, B 1, C 2, D 3, E 4, F 5);
steps!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
steps!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
push!(A 0 => B);
push!(A 0, B 1 => C);
push!(A 0, B 1, C 2 => D);
push!(A 0, B 1, C 2, D 3 => E);
push!(A 0, B 1, C 2, D 3, E 4 => F);
push!(A 0, B 1, C 2, D 3, E 4, F 5 => G);
push!(A 0, B 1, C 2, D 3, E 4, F 5, G 6 => H);
