//! What the tests share.
#![allow(dead_code, reason = "each test file uses a part")]

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use ringmesh_sched::{Builder, ShardId, memory};

/// Far beyond what any test needs on a busy machine: reaching it means that something hangs.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// Runs a test's body on a thread and fails if it hangs.
pub(crate) fn guarded<R: Send + 'static>(body: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, wait) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = body();
        let _ = done.send(());
        result
    });
    if wait.recv_timeout(HANG) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("hung for {HANG:?}");
    }
    match thread.join() {
        Ok(result) => result,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

pub(crate) fn builder(shards: usize) -> Builder {
    Builder::new(memory::Factory::new()).shards(shards)
}

pub(crate) fn shard(index: usize) -> ShardId {
    ShardId::new(index)
}

/// Spins until `done`; a test that waits in vain is ended by [`guarded`]'s caller.
pub(crate) fn spin_until(done: impl Fn() -> bool) {
    while !done() {
        thread::yield_now();
    }
}

/// A future that is ready once somebody opened the gate.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    open: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
    polls: AtomicUsize,
}

impl Gate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn open(&self) {
        self.open.store(true, SeqCst);
        let wakers = std::mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How often somebody has waited here in vain.
    pub(crate) fn waits(&self) -> usize {
        self.polls.load(SeqCst)
    }

    /// The wakers left here.
    pub(crate) fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.wakers.lock().unwrap()
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.open.load(SeqCst) {
            return Poll::Ready(());
        }
        self.wakers().push(cx.waker().clone());
        self.polls.fetch_add(1, SeqCst);
        if self.open.load(SeqCst) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|cx| self.poll(cx)).await;
    }
}

/// Counts its drops, and panics in them if told to.
#[derive(Debug)]
pub(crate) struct Dropped {
    pub(crate) count: Arc<AtomicUsize>,
    pub(crate) panics: bool,
}

impl Dropped {
    pub(crate) fn new(count: &Arc<AtomicUsize>) -> Self {
        Self {
            count: Arc::clone(count),
            panics: false,
        }
    }

    pub(crate) fn panicking(count: &Arc<AtomicUsize>) -> Self {
        Self {
            count: Arc::clone(count),
            panics: true,
        }
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.count.fetch_add(1, SeqCst);
        if self.panics && !thread::panicking() {
            panic!("a destructor's panic");
        }
    }
}

/// A waker that counts, and panics if told to.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    pub(crate) wakes: AtomicUsize,
    pub(crate) panics: bool,
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, SeqCst);
        if self.panics {
            panic!("a waker's panic");
        }
    }
}

/// Polls once with the given waker.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// The random numbers of the stress tests (xorshift); the seed is printed when a test fails.
#[derive(Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}
