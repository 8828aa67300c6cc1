//! Receiving on a plain thread: spin, yield, park.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use crate::{
    Notify, ParkState, Received, RecvError,
    mailbox::Receiver,
    shim::{AtomicBool, Ordering, spin_loop, thread},
};

/// Looks with a pause between them, before the first yield: about 1 us (an answer that is on its way
/// from another core comes within it).
const PAUSES: u32 = if cfg!(ringmesh_loom) { 0 } else { 32 };
/// How long to yield before parking: about what a wake costs, so that spinning wastes at most as much as
/// the park that it avoids.
const YIELD_MAX: Duration = Duration::from_micros(20);

/// The next message, on the thread that asks.
pub(super) fn recv(
    receiver: &mut Receiver<Received>,
    sleeper: &mut Option<Sleeper>,
    timeout: Option<Duration>,
) -> Result<Received, RecvError> {
    if let Some(message) = receiver.try_recv() {
        return Ok(message);
    }
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    if spin(receiver, deadline)
        && let Some(message) = receiver.try_recv()
    {
        return Ok(message);
    }
    let sleeper = Sleeper::of_this_thread(sleeper);
    let mut cx = Context::from_waker(&sleeper.waker);
    loop {
        sleeper.bed.woken.store(false, Ordering::Relaxed);
        match receiver.poll_recv(&mut cx) {
            Poll::Ready(Some(message)) => return Ok(message),
            Poll::Ready(None) => return Err(RecvError::Closed),
            Poll::Pending if deadline.is_some_and(|deadline| Instant::now() >= deadline) => {
                return Err(RecvError::TimedOut);
            }
            Poll::Pending => sleeper.bed.sleep(deadline),
        }
    }
}

/// Looks for mail without leaving word, so that a sender has nobody to wake. True if some came.
fn spin(receiver: &Receiver<Received>, deadline: Option<Instant>) -> bool {
    for _ in 0..PAUSES {
        if receiver.has_mail() {
            return true;
        }
        spin_loop();
    }
    if cfg!(ringmesh_loom) {
        return false;
    }
    let yield_until = Instant::now() + YIELD_MAX;
    let until = deadline.map_or(yield_until, |deadline| deadline.min(yield_until));
    while Instant::now() < until {
        if receiver.has_mail() {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

/// How one thread sleeps and is woken; kept for the next time.
pub(super) struct Sleeper {
    bed: Arc<Bed>,
    waker: Waker,
}

/// What a sleeping thread and those who wake it share.
struct Bed {
    park: ParkState,
    /// The work that the handshake is about: "poll again".
    woken: AtomicBool,
    thread: thread::Thread,
}

impl Sleeper {
    /// The one of this thread; a new one if the endpoint has come from another thread.
    fn of_this_thread(slot: &mut Option<Sleeper>) -> &Sleeper {
        let thread = thread::current();
        match slot {
            Some(sleeper) if sleeper.bed.thread.id() == thread.id() => {}
            _ => {
                let bed = Arc::new(Bed {
                    park: ParkState::new(),
                    woken: AtomicBool::new(false),
                    thread,
                });
                let waker = Waker::from(bed.clone());
                *slot = Some(Sleeper { bed, waker });
            }
        }
        slot.as_ref().expect("filled above")
    }
}

impl Bed {
    /// Sleeps until woken or until the deadline.
    fn sleep(&self, deadline: Option<Instant>) {
        self.park.prepare();
        // The look after `prepare`; Relaxed, as the fence is in there, and `poll_recv` looks with Acquire.
        if self.woken.load(Ordering::Relaxed) {
            self.park.unpark();
            return;
        }
        while self.park.is_parked() {
            match deadline {
                None => thread::park(),
                Some(deadline) => match deadline.checked_duration_since(Instant::now()) {
                    Some(left) if !left.is_zero() => thread::park_timeout(left),
                    _ => break,
                },
            }
        }
        self.park.unpark();
    }
}

impl Wake for Bed {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release pairs with nothing that we need: what has to be seen is in the mailbox. The fence of
        // the handshake is in `notify`.
        self.woken.store(true, Ordering::Release);
        match self.park.notify() {
            Notify::Ring => self.thread.unpark(),
            Notify::Awake | Notify::Closed => {}
        }
    }
}

impl fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleeper").finish_non_exhaustive()
    }
}
