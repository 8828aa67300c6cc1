//! Tasks that are joined in the order in which they end.
//!
//! Each member's handle is polled with a waker of its own, which puts the member into the set's queue and wakes whoever
//! waits for the set. So `join_next` looks only at members that ended, however many there are.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ringmesh_sched::task::Id;
use ringmesh_sched::{Handle, JoinError, JoinHandle, Placement, ShardId};

/// A set of tasks, joined in the order in which they end. Dropping the set aborts its tasks.
///
/// The semantics are those of `tokio::task::JoinSet`.
///
/// ```
/// use ringmesh::JoinSet;
/// # ringmesh::run(async {
/// let mut squares = JoinSet::new();
/// for n in 0..10 {
///     squares.spawn(async move { n * n });
/// }
/// let mut sum = 0;
/// while let Some(square) = squares.join_next().await {
///     sum += square.unwrap();
/// }
/// assert_eq!(sum, 285);
/// # }).unwrap();
/// ```
pub struct JoinSet<T> {
    members: BTreeMap<u64, (Arc<Member<T>>, Waker)>,
    next: u64,
    ended: Arc<Ended>,
}

impl<T> JoinSet<T> {
    /// An empty set.
    pub fn new() -> Self {
        Self {
            members: BTreeMap::new(),
            next: 0,
            ended: Arc::default(),
        }
    }

    /// How many tasks are in the set: running, or ended and not joined yet.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Aborts all tasks. They stay in the set and are joined as cancelled.
    pub fn abort_all(&self) {
        for (member, _) in self.members.values() {
            member.handle().abort();
        }
    }

    /// Takes all tasks out of the set and lets them run on by themselves.
    pub fn detach_all(&mut self) {
        self.members.clear();
    }
}

impl<T: Send + 'static> JoinSet<T> {
    /// Spawns a stealable task into the set.
    ///
    /// # Panics
    ///
    /// Outside any runtime.
    pub fn spawn(&mut self, future: impl Future<Output = T> + Send + 'static) -> AbortHandle {
        self.insert(ringmesh_sched::spawn(future))
    }

    /// Spawns a task into the set, on the runtime of `handle`.
    pub fn spawn_on(
        &mut self,
        future: impl Future<Output = T> + Send + 'static,
        handle: &Handle,
    ) -> AbortHandle {
        self.insert(handle.spawn(future))
    }

    /// Spawns a task with a placement into the set.
    ///
    /// # Panics
    ///
    /// Outside any runtime.
    pub fn spawn_with(
        &mut self,
        placement: Placement,
        future: impl Future<Output = T> + Send + 'static,
    ) -> AbortHandle {
        self.insert(ringmesh_sched::spawn_with(placement, future))
    }

    /// Spawns a task that stays on `shard` into the set; its future is made there and need not be `Send`.
    ///
    /// # Panics
    ///
    /// Outside any runtime.
    pub fn spawn_local_on<M, F>(&mut self, shard: ShardId, make: M) -> AbortHandle
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output = T> + 'static,
    {
        self.insert(ringmesh_sched::spawn_local_on(shard, make))
    }

    /// Runs blocking work on the pool and puts it into the set. It can be aborted only before it starts.
    ///
    /// # Panics
    ///
    /// Outside any runtime.
    pub fn spawn_blocking(&mut self, work: impl FnOnce() -> T + Send + 'static) -> AbortHandle {
        self.insert(ringmesh_sched::spawn_blocking(work))
    }

    /// The next task that ended, with what came of it; `None` if the set is empty.
    ///
    /// Cancel safe: a task stays in the set until it was returned.
    pub async fn join_next(&mut self) -> Option<Result<T, JoinError>> {
        poll_fn(|cx| self.poll_join_next(cx)).await
    }

    /// As [`join_next`](Self::join_next), with the task's number.
    pub async fn join_next_with_id(&mut self) -> Option<(Id, Result<T, JoinError>)> {
        poll_fn(|cx| self.poll_next(Some(cx.waker()))).await
    }

    /// A task that has ended, if there is one now.
    pub fn try_join_next(&mut self) -> Option<Result<T, JoinError>> {
        match self.poll_next(None) {
            Poll::Ready(Some((_, result))) => Some(result),
            _ => None,
        }
    }

    /// [`join_next`](Self::join_next) for hand-written futures.
    pub fn poll_join_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, JoinError>>> {
        self.poll_next(Some(cx.waker()))
            .map(|next| next.map(|(_, result)| result))
    }

    /// All outputs, in the order in which the tasks ended.
    ///
    /// # Panics
    ///
    /// With the panic of a task that panicked; the others are aborted then. Also if a task was aborted.
    pub async fn join_all(mut self) -> Vec<T> {
        let mut all = Vec::with_capacity(self.len());
        while let Some(result) = self.join_next().await {
            match result {
                Ok(output) => all.push(output),
                Err(e) => match e.try_into_panic() {
                    Ok(payload) => resume_unwind(payload),
                    Err(e) => panic!("{e}"),
                },
            }
        }
        all
    }

    /// Aborts all tasks and waits until they are gone.
    pub async fn shutdown(&mut self) {
        self.abort_all();
        while self.join_next().await.is_some() {}
    }

    fn insert(&mut self, handle: JoinHandle<T>) -> AbortHandle {
        self.next += 1;
        let key = self.next;
        let member = Arc::new(Member {
            id: handle.id(),
            handle: Mutex::new(handle),
        });
        let waker = Waker::from(Arc::new(MemberWaker {
            key,
            ended: self.ended.clone(),
        }));
        self.members.insert(key, (member.clone(), waker.clone()));
        // The next join polls it for the first time, which leaves the waker with it.
        waker.wake();
        AbortHandle { member }
    }

    fn poll_next(&mut self, waker: Option<&Waker>) -> Poll<Option<(Id, Result<T, JoinError>)>> {
        loop {
            let mut queue = self.ended.queue();
            let Some(key) = queue.keys.pop_front() else {
                let replaced = match waker {
                    Some(waker) if !self.members.is_empty() => queue.waiting.replace(waker.clone()),
                    _ => None,
                };
                drop(queue);
                drop(replaced);
                return if self.members.is_empty() {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                };
            };
            drop(queue);
            // A late wake of a member that was joined or detached names nobody.
            let Some((member, waker)) = self.members.get(&key) else {
                continue;
            };
            let polled = Pin::new(&mut *member.handle()).poll(&mut Context::from_waker(waker));
            if let Poll::Ready(result) = polled {
                let id = member.id;
                self.members.remove(&key);
                return Poll::Ready(Some((id, result)));
            }
        }
    }
}

impl<T> Default for JoinSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for JoinSet<T> {
    fn drop(&mut self) {
        self.abort_all();
    }
}

impl<T: Send + 'static, F: Future<Output = T> + Send + 'static> FromIterator<F> for JoinSet<T> {
    fn from_iter<I: IntoIterator<Item = F>>(futures: I) -> Self {
        let mut set = Self::new();
        for future in futures {
            set.spawn(future);
        }
        set
    }
}

impl<T> fmt::Debug for JoinSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinSet").field("len", &self.len()).finish()
    }
}

/// Ends a task of a [`JoinSet`] from elsewhere.
#[derive(Clone)]
pub struct AbortHandle {
    member: Arc<dyn Abort>,
}

impl AbortHandle {
    /// Ends the task at its next turn, unless it is done first.
    pub fn abort(&self) {
        self.member.abort();
    }

    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.member.is_finished()
    }

    /// The task's number.
    pub fn id(&self) -> Id {
        self.member.id()
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("id", &self.id())
            .field("finished", &self.is_finished())
            .finish()
    }
}

trait Abort: Send + Sync {
    fn abort(&self);
    fn is_finished(&self) -> bool;
    fn id(&self) -> Id;
}

struct Member<T> {
    id: Id,
    handle: Mutex<JoinHandle<T>>,
}

impl<T> Member<T> {
    fn handle(&self) -> MutexGuard<'_, JoinHandle<T>> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Abort for Member<T> {
    fn abort(&self) {
        self.handle().abort();
    }

    fn is_finished(&self) -> bool {
        self.handle().is_finished()
    }

    fn id(&self) -> Id {
        self.id
    }
}

/// The members to look at, and who waits for one.
#[derive(Default)]
struct Ended {
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    keys: VecDeque<u64>,
    waiting: Option<Waker>,
}

impl Ended {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct MemberWaker {
    key: u64,
    ended: Arc<Ended>,
}

impl Wake for MemberWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut queue = self.ended.queue();
        queue.keys.push_back(self.key);
        let waiting = queue.waiting.take();
        drop(queue);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}
