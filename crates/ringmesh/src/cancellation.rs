//! A tree of flags that can be waited for.
//!
//! A token is a node; nodes know their children weakly, and children hold their parent, so a tree lives as long as its
//! leaves. Cancelling walks down node by node; each node's lock is held only to take its waiters and children out, never
//! while a waker is called.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

/// Tells any number of tasks, once and for ever, to stop.
///
/// Clones are the same token. A [child](Self::child_token) is cancelled with its parent, but not the other way round.
///
/// ```
/// use ringmesh::CancellationToken;
/// # ringmesh::run(async {
/// let token = CancellationToken::new();
/// let child = token.child_token();
/// let task = ringmesh::spawn(async move { child.cancelled().await });
/// token.cancel();
/// task.await.unwrap();
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct CancellationToken {
    node: Arc<Node>,
}

impl CancellationToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self {
            node: Arc::new(Node::new(None)),
        }
    }

    /// A token that is cancelled when this one is.
    pub fn child_token(&self) -> Self {
        let mut state = self.node.lock();
        if state.cancelled {
            drop(state);
            let child = Self::new();
            child.cancel();
            return child;
        }
        let key = state.key();
        let node = Arc::new(Node::new(Some((self.node.clone(), key))));
        state.children.insert(key, Arc::downgrade(&node));
        Self { node }
    }

    /// Cancels this token and its descendants, and wakes who waits for them. Again is fine.
    pub fn cancel(&self) {
        let mut nodes = vec![self.node.clone()];
        while let Some(node) = nodes.pop() {
            let mut state = node.lock();
            state.cancelled = true;
            // Release: pairs with the Acquire in `is_cancelled`, so that who sees it sees what came before the call.
            node.cancelled.store(true, Ordering::Release);
            let children = std::mem::take(&mut state.children);
            let waiters = std::mem::take(&mut state.waiters);
            drop(state);
            nodes.extend(children.into_values().filter_map(|child| child.upgrade()));
            for waker in waiters.into_values() {
                waker.wake();
            }
        }
    }

    /// Whether it is cancelled.
    pub fn is_cancelled(&self) -> bool {
        // Acquire: pairs with the Release in `cancel`.
        self.node.cancelled.load(Ordering::Acquire)
    }

    /// Ready when the token is cancelled. Leaves the token when it is dropped.
    pub fn cancelled(&self) -> Cancelled {
        Cancelled {
            node: self.node.clone(),
            seat: None,
        }
    }

    /// The future's output, or `None` if the token is cancelled before it is ready. The future is dropped then.
    pub async fn run_until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut cancelled = self.cancelled();
        std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Pin::new(&mut cancelled).poll(cx).map(|()| None),
        })
        .await
    }

    /// Cancels the token when the guard is dropped.
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancellationToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancellationToken")
            .field("cancelled", &self.is_cancelled())
            .finish()
    }
}

/// Waits for a [`CancellationToken`]; made by [`CancellationToken::cancelled`].
#[must_use = "futures do nothing unless polled"]
pub struct Cancelled {
    node: Arc<Node>,
    seat: Option<u64>,
}

impl Future for Cancelled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut state = this.node.lock();
        if state.cancelled {
            this.seat = None;
            return Poll::Ready(());
        }
        let seat = match this.seat {
            Some(seat) => seat,
            None => *this.seat.insert(state.key()),
        };
        let replaced = match state.waiters.get(&seat) {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => state.waiters.insert(seat, cx.waker().clone()),
        };
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        if let Some(seat) = self.seat {
            let waker = self.node.lock().waiters.remove(&seat);
            drop(waker);
        }
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled")
            .field("waiting", &self.seat.is_some())
            .finish_non_exhaustive()
    }
}

/// Cancels its token when it is dropped; made by [`CancellationToken::drop_guard`].
#[derive(Debug)]
#[must_use = "dropping the guard cancels the token"]
pub struct DropGuard {
    /// `None` once disarmed.
    token: Option<CancellationToken>,
}

impl DropGuard {
    /// Gives the token back, uncancelled.
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("only this takes it")
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

struct Node {
    /// What `State::cancelled` says, to be read without the lock.
    cancelled: AtomicBool,
    parent: Option<(Arc<Node>, u64)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cancelled: bool,
    next: u64,
    waiters: BTreeMap<u64, Waker>,
    children: BTreeMap<u64, Weak<Node>>,
}

impl Node {
    fn new(parent: Option<(Arc<Node>, u64)>) -> Self {
        Self {
            cancelled: AtomicBool::new(false),
            parent,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn key(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Drop for Node {
    /// Leaves the parent, and goes on with a parent that nobody else has: step by step, as a chain may be longer than the
    /// stack is deep.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some((node, key)) = parent {
            node.lock().children.remove(&key);
            parent = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}
