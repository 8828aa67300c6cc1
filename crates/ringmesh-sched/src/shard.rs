//! The shard: one thread, one driver, one set of queues, one inbox, one wheel of timers.
//!
//! `Shard::drive` owns the loop and its branches; everything else computes and returns.
//!
//! # A turn
//!
//! 1. Serve the control inbox, wake the mailbox's receiver, fire due timers, reap.
//! 2. Run a batch of tasks. Before **each** poll: stop if a shutdown has begun; if there is a backlog,
//!    somebody is parked and nobody searches, wake one.
//! 3. Submit what the polls queued, reap what is ready.
//! 4. Nothing was done? Then the idle ladder (see `idle.rs`), at whose end the shard is parked.
//!
//! # How long a batch is
//!
//! The clock is read once a batch, for a look costs as much as a small task. So the length of the next
//! batch follows from the time that the last one took: as many polls as fit into 100 us, at most
//! 32. A shard whose tasks compute for 200 us each thus serves its inbox, its timers and its
//! ring after each of them, and one whose tasks take 30 ns after 32.

mod closing;
mod idle;
mod queues;
mod root;
mod service;

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt,
    rc::Rc,
    sync::Arc,
    time::Instant,
};

use crossbeam_deque::Worker;
use ringmesh_msg::{Endpoint, Keeper, ShardId};

use crate::{
    Counters, Driver, Handle, Recorder, context,
    core::{Core, Note, Peer},
    task::{Id, Registry, Runnable},
    time::Wheel,
};

pub(crate) use closing::Remains;
pub(crate) use root::Root;

/// Polls in a batch, at most.
const BATCH_MAX: u32 = 32;

/// What a batch should take. Picked: a tenth of what a reader of the docs is promised, 1 ms.
const BATCH_NS: u64 = 100_000;

/// How many turns of one poll or two may pass between looks at the clock.
const TURNS_PER_CLOCK: u32 = 8;

/// How many numbers for tasks a shard takes at once.
const IDS_PER_BLOCK: u64 = 1024;

/// Completions reaped in one turn, at most.
const REAP_MAX: usize = 256;

/// The shard of the calling thread, if it is one.
///
/// ```
/// # use ringmesh_sched::{Builder, ShardId, memory, shard};
/// assert_eq!(shard::current(), None);
/// # Builder::new(memory::Factory::new()).shards(1).run(async {
/// assert_eq!(shard::current(), Some(ShardId::new(0)));
/// # }).unwrap();
/// ```
pub fn current() -> Option<ShardId> {
    context::with_shard(|shard| shard.id())
}

/// The message inbox of the calling thread's shard. It can be taken once: keep it in a pinned task.
///
/// ```
/// use ringmesh_sched::{Builder, Handle, ShardId, memory, shard};
///
/// # Builder::new(memory::Factory::new()).shards(2).run(async {
/// let handle = Handle::current();
/// let there = ShardId::new(1);
/// let heard = handle.spawn_local_on(there, || async {
///     let mut inbox = shard::inbox().expect("nobody else took it");
///     inbox.next_message().await.is_some()
/// });
/// handle.shard(there).unwrap().send_raw(7, 42).await.unwrap();
/// assert!(heard.await.unwrap());
/// # }).unwrap();
/// ```
pub fn inbox() -> Option<Endpoint> {
    context::with_shard(|shard| shard.endpoint.borrow_mut().take()).flatten()
}

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was done; there may be more.
    Busy,
    /// There was nothing to do.
    Dry,
    /// A shutdown has begun.
    ShutDown,
}

/// The part of a shard that its thread owns.
pub(crate) struct Shard {
    id: ShardId,
    core: Arc<Core>,
    peer: Arc<Peer>,
    driver: Box<dyn Driver>,
    recorder: Option<Recorder>,
    worker: Worker<Runnable>,
    pinned: RefCell<VecDeque<Runnable>>,
    /// Polls in a row from the LIFO slot.
    lifo_streak: Cell<u32>,
    /// Whose turn it is of the two queues.
    pinned_next: Cell<bool>,
    polls: Cell<u64>,
    /// When the batch began, by the clock read once a batch.
    clock: Cell<Instant>,
    turns_since_clock: Cell<u32>,
    /// Whether the shard has been busy since then.
    clock_valid: Cell<bool>,
    polls_at_clock: Cell<u64>,
    batch_max: Cell<u32>,
    /// Wakes into the LIFO slot in this batch.
    lifo_wakes: Cell<u32>,
    /// Where the id block is, and its end.
    ids: Cell<(u64, u64)>,
    notes: RefCell<Vec<Note>>,
    timers: RefCell<Wheel>,
    /// Bells that are rung together when the reap or the drain is done.
    bells: RefCell<Vec<ShardId>>,
    bells_wait: Cell<bool>,
    endpoint: RefCell<Option<Endpoint>>,
    keeper: Keeper,
    /// The future that this thread drives besides its tasks.
    root: RefCell<Option<Arc<root::Flag>>>,
    /// Whether this shard holds a unit of the searching count.
    searching: Cell<bool>,
    /// Which victim to look at first.
    victim: Cell<usize>,
    /// What was last seen of each peer's LIFO slot.
    sights: RefCell<Box<[queues::Sight]>>,
    tasks: RefCell<Registry>,
    /// Whether the tasks were told to end.
    tasks_told: Cell<bool>,
}

/// What a thread needs to become a shard.
pub(crate) struct Parts {
    pub(crate) core: Arc<Core>,
    pub(crate) peer: Arc<Peer>,
    pub(crate) driver: Box<dyn Driver>,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) worker: Worker<Runnable>,
    pub(crate) endpoint: Endpoint,
    pub(crate) keeper: Keeper,
}

impl Shard {
    pub(crate) fn new(parts: Parts) -> Self {
        let now = parts.driver.now();
        let shards = parts.core.shards();
        let id = parts.peer.id;
        Self {
            id,
            core: parts.core,
            peer: parts.peer,
            driver: parts.driver,
            recorder: parts.recorder,
            worker: parts.worker,
            pinned: RefCell::default(),
            lifo_streak: Cell::new(0),
            pinned_next: Cell::new(false),
            polls: Cell::new(0),
            clock: Cell::new(now),
            turns_since_clock: Cell::new(0),
            clock_valid: Cell::new(false),
            polls_at_clock: Cell::new(0),
            batch_max: Cell::new(BATCH_MAX),
            lifo_wakes: Cell::new(0),
            ids: Cell::new((0, 0)),
            notes: RefCell::default(),
            timers: RefCell::new(Wheel::new(now)),
            bells: RefCell::default(),
            bells_wait: Cell::new(false),
            endpoint: RefCell::new(Some(parts.endpoint)),
            keeper: parts.keeper,
            root: RefCell::new(None),
            searching: Cell::new(false),
            victim: Cell::new(id.index()),
            sights: RefCell::new(vec![queues::Sight::default(); shards].into_boxed_slice()),
            tasks: RefCell::default(),
            tasks_told: Cell::new(false),
        }
    }

    /// Runs until a shutdown has begun, or until the root future, if there is one, is done: then
    /// `true`.
    pub(crate) fn drive(&self, mut root: Option<Root<'_>>) -> bool {
        let outer = self.root.replace(root.as_ref().map(Root::flag));
        // Nested, that is, under a waker or a posted closure: the bells owed up the stack, and those to
        // come, must not wait for this loop to end.
        let bells_wait = self.bells_wait.replace(false);
        self.flush_bells();
        let done = self.rounds(&mut root);
        self.bells_wait.set(bells_wait);
        self.root.replace(outer);
        done
    }

    fn rounds(&self, root: &mut Option<Root<'_>>) -> bool {
        loop {
            if root.as_mut().is_some_and(|root| self.poll_root(root)) {
                return true;
            }
            match self.turn() {
                Turn::Busy => {}
                Turn::Dry => self.idle(),
                Turn::ShutDown if root.is_none() || self.is_overdue() => return false,
                Turn::ShutDown => {
                    if !self.drain() {
                        self.wait_closing(|| false);
                    }
                }
            }
        }
    }

    /// One round of the loop, which never waits.
    fn turn(&self) -> Turn {
        self.look_at_clock();
        let mut busy = self.serve_inbox();
        busy |= self.keeper.answer();
        busy |= self.fire_timers();
        busy |= self.reap();
        if !self.core.shutdown.is_running() {
            return Turn::ShutDown;
        }
        let polls = self.run_batch();
        // A shard that goes to sleep at once submits in the same system call that waits.
        if !self.core.config.spin.is_zero() || self.has_tasks() {
            self.submit();
        }
        if polls > 0 {
            self.turns_since_clock
                .set(self.turns_since_clock.get() + polls / 4);
            self.publish_load();
        }
        if busy || polls > 0 {
            Turn::Busy
        } else {
            Turn::Dry
        }
    }

    /// Polls up to a batch of tasks and returns how many it polled.
    fn run_batch(&self) -> u32 {
        if self.searching.get() && self.has_tasks() {
            self.finish_search();
        }
        let submit_every = self.core.config.submit_every;
        let mut since_submit = 0;
        let mut polls = 0;
        while polls < self.batch_max.get() {
            let Some(runnable) = self.next_task() else {
                break;
            };
            if !self.core.shutdown.is_running() {
                // Shutdown drops what it finds: also this one.
                closing::drop_runnable(runnable);
                break;
            }
            self.offer_backlog();
            self.begin_poll();
            runnable.run();
            polls += 1;
            since_submit += 1;
            if since_submit >= submit_every {
                since_submit = 0;
                self.submit();
                if !self.peer.inbox.is_empty() {
                    self.serve_inbox();
                }
            }
        }
        polls
    }

    /// Publishes that one more poll begins.
    #[inline]
    fn begin_poll(&self) {
        let polls = self.polls.get() + 1;
        self.polls.set(polls);
        self.peer.counters.polls.set(polls);
    }

    /// Reads the clock if it is time: with timers armed each turn, else after some polls or turns.
    fn look_at_clock(&self) {
        let turns = self.turns_since_clock.get();
        if turns >= TURNS_PER_CLOCK || !self.timers.borrow().is_empty() {
            self.read_clock();
        } else {
            self.turns_since_clock.set(turns + 1);
        }
    }

    /// Reads the clock: a new batch begins.
    fn read_clock(&self) -> Instant {
        let now = self.driver.now();
        if self.clock_valid.get() {
            self.fit_batch(now);
        }
        self.set_clock(now);
        self.clock_valid.set(true);
        now
    }

    fn set_clock(&self, now: Instant) {
        self.clock.set(now);
        self.turns_since_clock.set(0);
        self.polls_at_clock.set(self.polls.get());
        self.lifo_wakes.set(0);
    }

    /// From what the polls since the last look took on average, how many fit into a batch.
    fn fit_batch(&self, now: Instant) {
        let polls = self.polls.get() - self.polls_at_clock.get();
        if polls > 0 {
            let elapsed = now.saturating_duration_since(self.clock.get()).as_nanos() as u64;
            let fitting = BATCH_NS.saturating_mul(polls) / elapsed.max(1);
            self.batch_max
                .set(fitting.clamp(1, BATCH_MAX.into()) as u32);
        }
    }

    fn poll_root(&self, root: &mut Root<'_>) -> bool {
        root.is_woken() && {
            if self.searching.get() {
                self.finish_search();
            }
            self.begin_poll();
            let done = root.poll();
            self.submit();
            done
        }
    }

    fn publish_load(&self) {
        let queued = self.worker.len() + self.pinned.borrow().len();
        self.peer.publish_load(queued + self.driver.inflight());
    }

    #[inline]
    pub(crate) fn id(&self) -> ShardId {
        self.id
    }

    #[inline]
    pub(crate) fn runtime_id(&self) -> u32 {
        self.peer.runtime
    }

    #[inline]
    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    #[inline]
    pub(crate) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }

    #[inline]
    pub(crate) fn counters(&self) -> &Counters {
        &self.peer.counters
    }

    #[inline]
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.core))
    }

    /// The time, by the driver's clock.
    pub(crate) fn now(&self) -> Instant {
        self.driver.now()
    }

    /// The time when the batch began: never later than now.
    pub(crate) fn batch_clock(&self) -> Instant {
        self.clock.get()
    }

    /// The tasks that were spawned here.
    #[inline]
    pub(crate) fn tasks(&self) -> &RefCell<Registry> {
        &self.tasks
    }

    pub(crate) fn timers(&self) -> &RefCell<Wheel> {
        &self.timers
    }

    /// A number for a new task.
    #[inline]
    pub(crate) fn next_id(&self) -> Id {
        let (mut next, mut end) = self.ids.get();
        if next == end {
            next = Id::reserve(IDS_PER_BLOCK);
            end = next + IDS_PER_BLOCK;
        }
        self.ids.set((next + 1, end));
        Id::new(next)
    }
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard")
            .field("id", &self.id)
            .field("driver", &self.driver.name())
            .field("queued", &self.worker.len())
            .finish_non_exhaustive()
    }
}

/// Makes the calling thread a shard, runs `body`, and ends it. What is left of the shard is dropped on
/// this thread, last the driver. The error is for a thread that is a shard already.
pub(crate) fn with<R>(shard: Shard, body: impl FnOnce(&Rc<Shard>) -> R) -> R {
    let shard = Rc::new(shard);
    assert!(
        context::become_shard(Rc::clone(&shard)),
        "this thread is a shard already"
    );
    let result = body(&shard);
    drop(context::cease_shard());
    drop(shard);
    result
}
