//! Requests that answer more than once: one SQE, a CQE for every connection, piece of data or readiness.
//!
//! ```text
//!                       poll_next, on any thread
//!                                  │ idle, and the queue has room
//!                                  ▼
//!            ┌──────┐  arm   ┌───────────┐  CQE with F_MORE: item into the queue, wake
//!      new ─▶│ Idle │───────▶│   Armed   │──┐
//!            └──────┘        │ at a ring │◀─┘   queue past its limit, or request_cancel: ASYNC_CANCEL
//!                ▲           └─────┬─────┘
//!                │ verdict: again  │ CQE without F_MORE (with an item or not)
//!                └─────────────────┤
//!                                  │ verdict: over         ┌───────┐
//!                                  └──────────────────────▶│ Ended │ what is queued, the error if any, then None
//!                                                          └───────┘
//! ```
//!
//! 1. The first [`Multi::poll_next`] arms the request on the ring of the shard it is polled on; off the shards on the
//!    least loaded one. It stays on that ring while its task moves; only a re-arm goes to the ring of the day.
//! 2. Each CQE becomes an item at the place where it is reaped, and waits in the queue. Nothing is lost between CQE and
//!    poll: not the connection, not the buffer.
//! 3. A CQE without `F_MORE` ends the arming, not the stream. Why it ended decides ([`Verdict`]): the kernel had no room
//!    for another CQE, or somebody's cancel hit (again at once); a resource is short (again after 1 ms, doubled up to
//!    1 s, until an item comes); the buffers are all out (again when a lease comes home); or it is over.
//! 4. An arming that brought nothing is not repeated at once for a second time: from then on they are 10 ms apart, so no
//!    listener is re-armed more than 100 times a second for nothing.
//! 5. Back-pressure: past [`Multi::with_limit`] undelivered items the request is cancelled, and armed again once half
//!    of them were taken. Without it an accept would drain the kernel's backlog into our descriptor table.
//! 6. Drop: what is queued goes to the request's orphan handler at once, what still comes when it comes, and a cancel
//!    is sent (P2, P3, P21).
//!
//! The two sides meet in a mutex, not in the state word of a oneshot op: a multishot's CQE carries work of microseconds,
//! and the queue needs a lock in any case. It is never held across foreign code: wakers, sinks and descriptors' closes
//! run after it.

mod accept;
mod channel;
mod pace;
mod poll;
mod recv;

use std::{
    fmt,
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll},
};

use ringmesh_sched::coop;
use ringmesh_sys::Sqe;

pub use accept::AcceptMulti;
pub use poll::PollMulti;
pub use recv::RecvMulti;

use self::{
    channel::{Channel, Taken},
    pace::Pace,
};
use crate::{fd::FdRef, opcode::Res};

/// One kind of request that answers more than once.
///
/// # Safety
///
/// Every pointer that [`sqe`](Self::sqe) puts into the SQE stays valid until the terminal CQE as long as `self` is
/// neither moved nor dropped. (Those of this crate put none.)
pub unsafe trait MultiOp: Send + Sync + Sized + 'static {
    /// What one CQE brings.
    type Item: Send + 'static;

    /// What an arming keeps beside the op: the buffer group of the ring it was armed on, for a receive.
    #[doc(hidden)]
    type Place: Clone + Send + 'static;

    /// The op's name, for `Debug` and error texts.
    const NAME: &'static str;

    /// The kind that travels in `user_data`: the opcode with its highest bit set.
    const KIND: u8;

    /// Undelivered items at which a stream without a [`Multi::with_limit`] pauses.
    const LIMIT: usize;

    /// Gets what an arming on this thread's ring needs.
    #[doc(hidden)]
    fn place(&self) -> io::Result<Self::Place>;

    /// Fills the SQE; `user_data` is filled in by the driver.
    #[doc(hidden)]
    fn sqe(&self, place: &Self::Place) -> Sqe;

    /// The item that a CQE carries; a buffer without an item goes back.
    ///
    /// # Safety
    ///
    /// `res` is what a CQE of an arming at `place` brought, and is given here once: it names a descriptor or buffer that
    /// the kernel has just handed out.
    #[doc(hidden)]
    unsafe fn item(&self, place: &Self::Place, res: Res) -> Option<Self::Item>;

    /// What a terminal CQE means for the stream.
    #[doc(hidden)]
    fn verdict(&self, res: Res) -> Verdict;

    /// Takes an item that nobody will poll for. Runs under no lock.
    #[doc(hidden)]
    fn orphan(&self, item: Self::Item);

    /// An arming has ended because its stream was dropped or had it cancelled. Runs under no lock.
    #[doc(hidden)]
    fn gave_up(&self) {}

    /// Whether an item may replace the last undelivered one, which it is then merged into.
    #[doc(hidden)]
    fn merge(_last: &mut Self::Item, item: Self::Item) -> Option<Self::Item> {
        Some(item)
    }

    /// Whether the place cannot serve at the moment; if so, `who` is woken when it can.
    #[doc(hidden)]
    fn starves(_place: &Self::Place, _who: usize, _cx: &mut Context<'_>) -> bool {
        false
    }

    /// `who` does not wait for the place any more.
    #[doc(hidden)]
    fn leave(_place: &Self::Place, _who: usize) {}

    /// The descriptor.
    #[doc(hidden)]
    fn fd(&self) -> &FdRef;
}

/// What the end of an arming means.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The kernel stopped for reasons of its own: arm again.
    Again,
    /// Descriptors or memory are short: arm again after a while.
    BackOff,
    /// The ring's buffers are all out: say so once, arm again when one comes home.
    Starved(i32),
    /// The end of the data.
    End,
    /// An error that will not go away.
    Fail(i32),
}

impl Verdict {
    /// What an errno means, for all kinds alike.
    pub(crate) fn of_errno(errno: i32) -> Self {
        match errno {
            // A cancel: our own, one by descriptor, or io-wq's that had no worker. Who is closing is asked elsewhere.
            libc::ECANCELED | libc::EINTR | 512..=516 => Self::Again,
            libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS => Self::BackOff,
            _ => Self::Fail(errno),
        }
    }
}

/// A stream of completions.
///
/// Its items come in the order of their CQEs. Poll it from any thread; it may move between tasks.
///
/// ```no_run
/// # use std::{io, os::fd::OwnedFd};
/// # use ringmesh_op::{SharedFd, multishot::{AcceptMulti, Multi}};
/// # async fn serve(listener: SharedFd) -> io::Result<()> {
/// let mut connections = Multi::new(AcceptMulti::new(&listener, None));
/// while let Some(connection) = connections.next().await {
///     let connection: OwnedFd = connection?;
/// #   drop(connection);
/// }
/// # Ok(())
/// # }
/// ```
pub struct Multi<T: MultiOp> {
    channel: Arc<Channel<T>>,
    pace: Pace,
}

impl<T: MultiOp> Multi<T> {
    /// A stream that arms itself at its first poll.
    pub fn new(op: T) -> Self {
        Self {
            channel: Arc::new(Channel::new(op, T::LIMIT)),
            pace: Pace::new(),
        }
    }

    /// Pauses the request while more than `limit` items (at least 1) wait to be polled for.
    #[must_use]
    pub fn with_limit(self, limit: usize) -> Self {
        self.channel.set_limit(limit.max(1));
        self
    }

    /// The next item.
    ///
    /// `None` after the end of the data, after an error that ends the stream, and when the descriptor's last handle is
    /// gone. Errors that do not end the stream: `ENOBUFS` of a receive, whose ring has no buffer left at the moment;
    /// read into a buffer of your own meanwhile, or poll again and wait for one to come home.
    ///
    /// # Panics
    ///
    /// If it has to arm and the thread is in no runtime.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<T::Item>>> {
        if !coop::consume() {
            // A stream that always has something must not keep its task from ever yielding.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            match self.channel.take(cx.waker()) {
                Taken::Item(item, room) => {
                    self.pace.reset();
                    if room {
                        self.channel.arm();
                    }
                    return Poll::Ready(Some(Ok(item)));
                }
                Taken::Error(error) => return Poll::Ready(Some(Err(error))),
                Taken::Over => return Poll::Ready(None),
                Taken::Pending => return Poll::Pending,
                Taken::Idle(idle) => {
                    if self.pace.poll_wait(&idle, cx).is_pending() {
                        return Poll::Pending;
                    }
                    if let Some(place) = &idle.starved
                        && T::starves(place, self.channel.id(), cx)
                    {
                        return Poll::Pending;
                    }
                    self.channel.arm();
                }
            }
        }
    }

    /// Waits for the next item; see [`poll_next`](Self::poll_next). Dropping the wait loses nothing.
    pub async fn next(&mut self) -> Option<io::Result<T::Item>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Cancels the request, without waiting. What it has brought can still be polled for; polling past that arms it
    /// again.
    pub fn request_cancel(&self) {
        self.channel.request_cancel();
    }

    /// Whether the request is with the kernel, or on its way there.
    pub fn is_armed(&self) -> bool {
        self.channel.is_armed()
    }

    /// Takes an item that is already here, without arming anything.
    pub fn try_next(&mut self) -> Option<T::Item> {
        self.channel.try_take()
    }
}

impl<T: MultiOp> Drop for Multi<T> {
    fn drop(&mut self) {
        self.channel.abandon();
    }
}

impl<T: MultiOp> fmt::Debug for Multi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multi")
            .field("op", &T::NAME)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
