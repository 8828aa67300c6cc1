//! Accepting: connections belong to the listener, not to the future that asked for one.
//!
//! ```text
//!                      poll_accept
//!                          |
//!            drawer? ------+------ empty: register, poll the own accept op
//!              |                         |                    |
//!              v                         | ready              | pending: wait for the op or for the drawer
//!        a connection <------------------'                    |
//!              ^                                              | dropped
//!              |                                              v
//!              |   put: wake all waiting accepts      orphan: its connection, if one came
//!              '------------- drawer <------------------------'
//! ```
//!
//! 1. Every `accept` has an accept op of its own, on the ring of the shard that polls it. A listener that is
//!    shared by the shards accepts on all of them.
//! 2. A dropped accept's op is cancelled. If a connection came before the cancel, the op's orphan handler puts
//!    it into the listener's drawer and wakes *all* waiting accepts, on whichever ring they wait: the first
//!    takes it, and its own op is cancelled in turn (and may fill the drawer again).
//! 3. An accept looks into the drawer and registers for it under one lock, before it looks at its op, so a
//!    connection that is put there is either seen or announced.
//! 4. An accept that is cancelled *without* a connection may have eaten somebody else's wake-up: the kernel
//!    wakes one waiting accept of a listener (`EPOLLEXCLUSIVE`), and a cancel that reaches it before its task
//!    work ends it with the connection still in the backlog and every other accept asleep (seen on 6.18). So
//!    its end is announced too: one waiting accept ends its own op and issues a new one, whose first attempt
//!    finds the connection; when it leaves, it tells the next, since more than one wake-up may be missing. An
//!    op that is issued after the cancelled one's end needs no announcement.
//! 5. The drawer is emptied by accepts, by [`Incoming`], or by the drop of the listener: only then is a
//!    connection lost (closed), as it is in the kernel's backlog.
//!
//! Rejected: waking one waiter per connection. A woken accept may be dropped or find its own op done; the
//! wake would have to be handed on, for a path that only dropped accepts use.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use parking_lot::Mutex;
use ringmesh_op::multishot::{AcceptMulti, Multi};
use ringmesh_op::ops::{Accept, Drawer};
use ringmesh_op::{Op, SharedFd};
use slab::Slab;
use socket2::{SockAddr, SockRef};

/// How many undelivered connections make a multishot accept pause, for a listener whose backlog we do not
/// know. Half of the backlog that `bind` asks for.
const LIMIT_DEFAULT: usize = crate::BACKLOG as usize / 2;

/// What all handles of one listening socket share.
pub(crate) struct Acceptor {
    fd: SharedFd,
    shelf: Arc<Shelf>,
    limit: usize,
}

impl Acceptor {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self {
            fd: SharedFd::new(fd),
            shelf: Arc::default(),
            limit: LIMIT_DEFAULT,
        }
    }

    /// For a listener with a backlog of `n`.
    pub(crate) fn with_backlog(mut self, n: u32) -> Self {
        self.limit = (n as usize / 2).max(1);
        self
    }

    /// The plain descriptor, unless somebody accepts or a connection would be lost.
    pub(crate) fn into_fd(self) -> Result<OwnedFd, (&'static str, Self)> {
        if !self.shelf.is_quiet() {
            return Err((
                "an accept is in flight, or a connection is waiting to be taken",
                self,
            ));
        }
        let Self { fd, shelf, limit } = self;
        fd.try_into_owned()
            .map_err(|fd| ("an accept is in flight", Self { fd, shelf, limit }))
    }

    fn op(&self) -> Op<Accept> {
        Op::new(Accept::with_drawer(&self.fd, self.shelf.clone()))
    }
}

impl AsFd for Acceptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor")
            .field("fd", &self.fd)
            .field("shelf", &self.shelf)
            .finish()
    }
}

/// The drawer of one listener, and who waits for it.
#[derive(Default)]
struct Shelf {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    connections: VecDeque<(OwnedFd, Option<SockAddr>)>,
    /// Who waits; `None` once woken, until it comes back.
    waiting: Slab<Option<Waker>>,
    /// Wake-ups may have been eaten: whoever comes by first asks the kernel again.
    ask_again: bool,
}

/// What the shelf says to an accept.
enum Taken {
    Connection(OwnedFd, Option<SockAddr>),
    /// End your own request and issue it anew.
    AskAgain,
    Nothing,
}

/// One accept's registration.
type Ticket = Option<usize>;

impl Shelf {
    /// Takes what there is, or registers for what comes.
    fn take(&self, ticket: &mut Ticket, cx: &Context<'_>) -> Taken {
        let mut fresh = None;
        loop {
            let mut inner = self.inner.lock();
            if let Some((fd, peer)) = inner.connections.pop_front() {
                return Taken::Connection(fd, peer);
            }
            if std::mem::take(&mut inner.ask_again) {
                return Taken::AskAgain;
            }
            let known = ticket.map(|key| &mut inner.waiting[key]);
            let current = known.as_ref().and_then(|slot| slot.as_ref());
            if current.is_some_and(|old| old.will_wake(cx.waker())) {
                return Taken::Nothing;
            }
            // Wakers are cloned and dropped outside the lock: both may run foreign code.
            let Some(waker) = fresh.take() else {
                drop(inner);
                fresh = Some(cx.waker().clone());
                continue;
            };
            let old = match known {
                Some(slot) => slot.replace(waker),
                None => {
                    *ticket = Some(inner.waiting.insert(Some(waker)));
                    None
                }
            };
            drop(inner);
            drop(old);
            return Taken::Nothing;
        }
    }

    /// A wake-up may have been eaten. Without anybody who waits there is nothing to do: an accept that is
    /// issued later looks for itself.
    fn announce(&self) {
        let mut inner = self.inner.lock();
        if inner.waiting.is_empty() {
            return;
        }
        inner.ask_again = true;
        let waiting = inner.waiting();
        drop(inner);
        wake_all(waiting);
    }

    fn unregister(&self, ticket: &mut Ticket) {
        if let Some(key) = ticket.take() {
            let waker = self.inner.lock().waiting.remove(key);
            drop(waker);
        }
    }

    fn is_quiet(&self) -> bool {
        let inner = self.inner.lock();
        inner.connections.is_empty() && inner.waiting.is_empty()
    }
}

impl Inner {
    /// The wakers of all that wait; they register again when they have looked.
    fn waiting(&mut self) -> Vec<Waker> {
        self.waiting
            .iter_mut()
            .filter_map(|(_, slot)| slot.take())
            .collect()
    }
}

impl Drawer for Shelf {
    fn put(&self, connection: OwnedFd, peer: Option<SockAddr>) {
        let mut inner = self.inner.lock();
        inner.connections.push_back((connection, peer));
        let waiting = inner.waiting();
        drop(inner);
        wake_all(waiting);
    }

    fn ended(&self) {
        self.announce();
    }
}

fn wake_all(waiting: Vec<Waker>) {
    for waker in waiting {
        // One accept's waker must not cost the others theirs.
        let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner.lock();
        f.debug_struct("Shelf")
            .field("connections", &inner.connections.len())
            .field("waiting", &inner.waiting.len())
            .finish()
    }
}

/// One `accept`.
pub(crate) struct Accepting<A: Deref<Target = Acceptor>> {
    acceptor: A,
    op: Option<Op<Accept>>,
    ticket: Ticket,
    /// The op's cancel was requested, so that a new one can ask again.
    ending: bool,
    /// Was told to ask again. When it leaves, the next one is told: more than one wake-up may be missing.
    asked: bool,
}

impl<A: Deref<Target = Acceptor>> Accepting<A> {
    pub(crate) const fn new(acceptor: A) -> Self {
        Self {
            acceptor,
            op: None,
            ticket: None,
            ending: false,
            asked: false,
        }
    }

    /// Ends the op, if there is one, so that the next one looks at the backlog.
    fn ask_again(&mut self) {
        self.asked = true;
        if let Some(op) = self.op.as_ref().filter(|op| op.is_submitted()) {
            op.request_cancel();
            self.ending = true;
        }
    }

    fn poll_op(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(OwnedFd, SockAddr)>> {
        loop {
            let op = self.op.get_or_insert_with(|| self.acceptor.op());
            let result = ready!(Pin::new(op).poll(cx));
            self.op = None;
            let ended = std::mem::take(&mut self.ending);
            match result {
                Err(e) if is_about_the_connection(&e) => {}
                Err(e) if ended && e.raw_os_error() == Some(libc::ECANCELED) => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Leaves the listener to others.
    fn leave(&mut self) {
        // First the registration: what the op still brings is for others.
        self.acceptor.shelf.unregister(&mut self.ticket);
        self.op = None;
        if std::mem::take(&mut self.asked) {
            self.acceptor.shelf.announce();
        }
    }
}

impl<A: Deref<Target = Acceptor>> Drop for Accepting<A> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<A: Deref<Target = Acceptor>> Unpin for Accepting<A> {}

impl<A: Deref<Target = Acceptor>> Future for Accepting<A> {
    type Output = io::Result<(OwnedFd, SockAddr)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let result = match this.acceptor.shelf.take(&mut this.ticket, cx) {
                Taken::Connection(fd, peer) => match with_peer(fd, peer) {
                    Some(accepted) => Ok(accepted),
                    None => continue,
                },
                Taken::AskAgain => {
                    this.ask_again();
                    continue;
                }
                Taken::Nothing => ready!(this.poll_op(cx)),
            };
            this.leave();
            return Poll::Ready(result);
        }
    }
}

impl<A: Deref<Target = Acceptor>> fmt::Debug for Accepting<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepting")
            .field("op", &self.op)
            .finish_non_exhaustive()
    }
}

/// A stream of connections: the drawer first, then a multishot accept.
pub(crate) struct Arriving<A: Deref<Target = Acceptor>> {
    acceptor: A,
    multi: Multi<AcceptMulti>,
    renewal: Arc<Renewal>,
    ticket: Ticket,
    /// Was told to ask again; see [`Accepting`].
    asked: bool,
}

/// The drawer of one multishot accept: it knows which of its ends are no news.
struct Renewal {
    shelf: Arc<Shelf>,
    /// The request was cancelled in order to be armed anew: that looks at the backlog by itself. Announcing it
    /// would make two streams renew each other for ever.
    under_way: AtomicBool,
}

impl Renewal {
    /// Makes the multishot look at the backlog.
    fn begin(&self, multi: &Multi<AcceptMulti>) {
        // A request that is not armed looks when it is armed next.
        if multi.is_armed() {
            // Relaxed: the cancel's way to the ring and back orders it before the end.
            self.under_way.store(true, Ordering::Relaxed);
            multi.request_cancel();
        }
    }

    /// The stream goes away: nobody will arm the request again.
    fn abandon(&self) {
        self.under_way.store(false, Ordering::Relaxed);
    }
}

impl Drawer for Renewal {
    fn put(&self, connection: OwnedFd, peer: Option<SockAddr>) {
        self.shelf.put(connection, peer);
    }

    fn ended(&self) {
        // If the stream is dropped at this moment, its own announcement makes up for the one left out here.
        if !self.under_way.swap(false, Ordering::Relaxed) {
            self.shelf.announce();
        }
    }
}

impl<A: Deref<Target = Acceptor>> Arriving<A> {
    pub(crate) fn new(acceptor: A) -> Self {
        let renewal = Arc::new(Renewal {
            shelf: acceptor.shelf.clone(),
            under_way: AtomicBool::new(false),
        });
        let op = AcceptMulti::new(&acceptor.fd, Some(renewal.clone()));
        Self {
            multi: Multi::new(op).with_limit(acceptor.limit),
            renewal,
            acceptor,
            ticket: None,
            asked: false,
        }
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Option<(OwnedFd, SockAddr)>>> {
        loop {
            let (fd, peer) = match self.acceptor.shelf.take(&mut self.ticket, cx) {
                Taken::Connection(fd, peer) => (fd, peer),
                Taken::AskAgain => {
                    self.renewal.begin(&self.multi);
                    self.asked = true;
                    continue;
                }
                Taken::Nothing => match ready!(self.multi.poll_next(cx)) {
                    Some(Ok(fd)) => (fd, None),
                    Some(Err(e)) if is_about_the_connection(&e) => continue,
                    Some(Err(e)) => return Poll::Ready(Err(e)),
                    None => return Poll::Ready(Ok(None)),
                },
            };
            if let Some(accepted) = with_peer(fd, peer) {
                return Poll::Ready(Ok(Some(accepted)));
            }
        }
    }
}

impl<A: Deref<Target = Acceptor>> Drop for Arriving<A> {
    fn drop(&mut self) {
        // Then the multishot is dropped: its undelivered connections, and the news of its end, are for others.
        self.renewal.abandon();
        self.acceptor.shelf.unregister(&mut self.ticket);
        if self.asked {
            self.acceptor.shelf.announce();
        }
    }
}

impl<A: Deref<Target = Acceptor>> fmt::Debug for Arriving<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arriving")
            .field("acceptor", &*self.acceptor)
            .field("multi", &self.multi)
            .finish()
    }
}

/// Asks a connection for its peer. `None`: it was reset before anybody saw it, which is what ECONNABORTED says.
fn with_peer(fd: OwnedFd, peer: Option<SockAddr>) -> Option<(OwnedFd, SockAddr)> {
    let peer = peer
        .map_or_else(|| SockRef::from(&fd).peer_addr(), Ok)
        .ok()?;
    Some((fd, peer))
}

/// Errors that accept(2) reports about a connection that is gone already: the listener is fine, go on.
fn is_about_the_connection(error: &io::Error) -> bool {
    const GONE: [i32; 8] = [
        libc::ECONNABORTED,
        libc::EPROTO,
        libc::ENETDOWN,
        libc::ENOPROTOOPT,
        libc::EHOSTDOWN,
        libc::ENONET,
        libc::EHOSTUNREACH,
        libc::ENETUNREACH,
    ];
    error
        .raw_os_error()
        .is_some_and(|errno| GONE.contains(&errno))
}
