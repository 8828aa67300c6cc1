//! The queue of one socket. See the parent module for the drawing.

use std::fmt;
use std::mem;
use std::net::Shutdown;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use ringmesh_op::{AnyBuf, SharedFd};
use ringmesh_sched::{EnterGuard, Handle};
use socket2::SockRef;

use super::GRACE;
use super::batch::{Entry, Flight, Lone};
use super::line::{Active, Item, Mark, News, Queue, Verdict, Writer};

/// What writers of one socket share.
pub(crate) struct SendQueue {
    fd: SharedFd,
    /// Where sends are submitted from when the queue is driven on a thread without a runtime.
    home: OnceLock<Handle>,
    queue: Mutex<Queue>,
}

/// What [`SendQueue::enter`] says.
pub(crate) enum Entrance {
    /// Send; then call `finish_direct` or `adopt`.
    Direct,
    /// Something is going on: enqueue.
    Busy,
    /// The stream cannot take bytes any more.
    Failed(i32),
}

impl SendQueue {
    pub(crate) fn new(fd: SharedFd) -> Arc<Self> {
        Arc::new(Self {
            fd,
            home: OnceLock::new(),
            queue: Mutex::default(),
        })
    }

    /// Asks to send directly.
    pub(crate) fn enter(&self) -> Entrance {
        if self.home.get().is_none() {
            self.find_home();
        }
        let mut queue = self.queue.lock();
        if let Some(errno) = queue.refusal() {
            return Entrance::Failed(errno);
        }
        if queue.is_idle() {
            queue.active = Active::Direct;
            return Entrance::Direct;
        }
        Entrance::Busy
    }

    /// A direct send is over.
    pub(crate) fn finish_direct(self: &Arc<Self>) {
        let mut queue = self.queue.lock();
        debug_assert!(matches!(queue.active, Active::Direct));
        queue.active = Active::Idle;
        let more = !queue.waiting.is_empty();
        drop(queue);
        if more {
            self.drive();
        }
    }

    /// A direct send lost its future; its bytes are accepted, so the queue goes on with it.
    pub(crate) fn adopt(self: &Arc<Self>, lone: Box<dyn Lone>) {
        let mut queue = self.queue.lock();
        debug_assert!(matches!(queue.active, Active::Direct));
        queue.active = Active::Flight(Flight::Lone(lone));
        drop(queue);
        self.drive();
    }

    /// Puts a buffer in line. The key is for [`poll_verdict`](Self::poll_verdict) and [`detach`](Self::detach).
    pub(crate) fn enqueue(
        self: &Arc<Self>,
        buf: Box<dyn AnyBuf>,
        len: usize,
        waker: Waker,
    ) -> usize {
        self.push(waker, |writer| {
            Item::Bytes(Entry {
                buf,
                len,
                sent: 0,
                writer: Some(writer),
            })
        })
    }

    /// Accepts a buffer of which nobody will be told.
    pub(crate) fn enqueue_detached(self: &Arc<Self>, buf: Box<dyn AnyBuf>, len: usize) {
        if self.home.get().is_none() {
            self.find_home();
        }
        let mut queue = self.queue.lock();
        if self.home.get().is_none() {
            // Neither this thread nor any writer so far knows a runtime: nobody can send it.
            queue.torn = true;
        }
        if queue.torn {
            drop(queue);
            drop(buf);
            return;
        }
        queue.waiting.push_back(Item::Bytes(Entry {
            buf,
            len,
            sent: 0,
            writer: None,
        }));
        let idle = matches!(queue.active, Active::Idle);
        drop(queue);
        if idle {
            self.drive();
        }
    }

    /// Puts a mark in line.
    pub(crate) fn enqueue_mark(self: &Arc<Self>, how: Option<Shutdown>, waker: Waker) -> usize {
        self.push(waker, |writer| {
            Item::Mark(Mark {
                how,
                writer: Some(writer),
            })
        })
    }

    /// Shuts the sending side down behind what was accepted, and tells nobody.
    pub(crate) fn finish_later(self: &Arc<Self>) {
        self.queue.lock().waiting.push_back(Item::Mark(Mark {
            how: Some(Shutdown::Write),
            writer: None,
        }));
        self.drive();
    }

    /// The verdict on a queued writer, which is then forgotten.
    pub(super) fn poll_verdict(&self, key: usize, cx: &mut Context<'_>) -> Poll<Verdict> {
        let mut fresh = None;
        loop {
            let mut queue = self.queue.lock();
            let writer = &mut queue.writers[key];
            if let Some(verdict) = writer.verdict.take() {
                let writer = queue.writers.remove(key);
                drop(queue);
                drop(writer);
                return Poll::Ready(verdict);
            }
            if writer.waker.will_wake(cx.waker()) {
                return Poll::Pending;
            }
            let Some(waker) = fresh.take() else {
                drop(queue);
                fresh = Some(cx.waker().clone());
                continue;
            };
            let old = mem::replace(&mut writer.waker, waker);
            drop(queue);
            drop(old);
            return Poll::Pending;
        }
    }

    /// A queued writer's future is gone: what is not in a submitted send is taken out of the line.
    pub(crate) fn detach(self: &Arc<Self>, key: usize) {
        let mut queue = self.queue.lock();
        let removed = queue.forget(key);
        drop(queue);
        drop(removed);
    }

    /// Takes a writer out of the line if its bytes are not in a submitted send; then its verdict is ECANCELED.
    pub(crate) fn cancel(&self, key: usize) {
        let mut queue = self.queue.lock();
        let Some(item) = queue.take_unsent(key) else {
            return;
        };
        let buf = match item {
            Item::Bytes(entry) => Some(entry.buf),
            Item::Mark(_) => None,
        };
        let mut news = News::default();
        let verdict = Verdict {
            result: Err(libc::ECANCELED),
            sent: 0,
            buf,
        };
        queue.tell(Some(key), verdict, &mut news);
        drop(queue);
        news.spread();
    }

    /// Whether nothing is in the kernel, queued or being sent.
    pub(crate) fn is_quiet(&self) -> bool {
        self.queue.lock().is_idle()
    }

    /// The last user of the socket is gone: accepted bytes still go out, but not for ever.
    pub(crate) fn close(&self) {
        if !self.is_quiet() {
            // Only TCP knows the option; a Unix peer that never reads is a local matter.
            let _ = SockRef::from(&self.fd).set_tcp_user_timeout(Some(GRACE));
        }
    }

    fn push(self: &Arc<Self>, waker: Waker, item: impl FnOnce(usize) -> Item) -> usize {
        let mut queue = self.queue.lock();
        let key = queue.writers.insert(Writer {
            waker,
            verdict: None,
            gone: false,
        });
        queue.waiting.push_back(item(key));
        let idle = matches!(queue.active, Active::Idle);
        drop(queue);
        if idle {
            self.drive();
        }
        key
    }

    /// Moves the queue on as far as it goes without waiting.
    fn drive(self: &Arc<Self>) {
        let _runtime = self.enter_home();
        let waker = Waker::from(Arc::clone(self));
        let mut cx = Context::from_waker(&waker);
        let mut news = News::default();
        while let Some(flight) = self.take_flight(&mut news) {
            if self.fly(flight, &mut cx, &mut news).is_pending() {
                break;
            }
        }
        news.spread();
    }

    /// The op to poll, old or new; `None` when there is none or somebody else polls it.
    fn take_flight(&self, news: &mut News) -> Option<Flight> {
        let mut queue = self.queue.lock();
        let flight = match mem::take(&mut queue.active) {
            Active::Direct => {
                queue.active = Active::Direct;
                return None;
            }
            Active::Driving { .. } => {
                queue.active = Active::Driving { again: true };
                return None;
            }
            Active::Flight(flight) => flight,
            Active::Idle => queue.board(&self.fd, news)?,
        };
        queue.active = Active::Driving { again: false };
        Some(flight)
    }

    /// Polls the op without the lock, until it is ready or has nothing to say.
    fn fly(
        self: &Arc<Self>,
        mut flight: Flight,
        cx: &mut Context<'_>,
        news: &mut News,
    ) -> Poll<()> {
        loop {
            let landing = flight.poll(cx);
            let mut queue = self.queue.lock();
            match landing {
                Poll::Ready(landing) => {
                    queue.active = Active::Idle;
                    if queue.settle(landing, news) {
                        let _ = SockRef::from(&self.fd).set_linger(Some(Duration::ZERO));
                    }
                    return Poll::Ready(());
                }
                Poll::Pending if !flight.is_submitted() => {
                    queue.active = Active::Flight(flight);
                    drop(queue);
                    self.put_off();
                    return Poll::Pending;
                }
                Poll::Pending if matches!(queue.active, Active::Driving { again: true }) => {
                    queue.active = Active::Driving { again: false };
                }
                Poll::Pending => {
                    queue.active = Active::Flight(flight);
                    return Poll::Pending;
                }
            }
        }
    }

    /// The task that drives the queue has spent its budget: the shard's loop goes on with it, outside any task.
    fn put_off(self: &Arc<Self>) {
        let Some(shard) = ringmesh_sched::shard::current() else {
            return;
        };
        if let Ok(handle) = Handle::try_current() {
            let queue = Arc::clone(self);
            // Fails once the runtime is closed, when nothing is sent any more.
            let _ = handle.post(shard, Box::new(move || queue.drive()));
        }
    }

    fn find_home(&self) {
        if let Ok(handle) = Handle::try_current() {
            // Another thread may have been first; either handle will do.
            let _ = self.home.set(handle);
        }
    }

    /// Sends need a runtime; a future can be dropped where there is none.
    fn enter_home(&self) -> Option<EnterGuard> {
        if ringmesh_sched::shard::current().is_some() || Handle::try_current().is_ok() {
            return None;
        }
        self.home.get().map(Handle::enter)
    }
}

/// Called where the send's completion was reaped.
impl Wake for SendQueue {
    fn wake(self: Arc<Self>) {
        self.drive();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.drive();
    }
}

impl fmt::Debug for SendQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.queue.lock();
        let active = match queue.active {
            Active::Idle => "Idle",
            Active::Direct => "Direct",
            Active::Driving { .. } => "Driving",
            Active::Flight(_) => "Flight",
        };
        f.debug_struct("SendQueue")
            .field("active", &active)
            .field("waiting", &queue.waiting.len())
            .field("fault", &queue.fault)
            .field("torn", &queue.torn)
            .finish()
    }
}
