//! Making tasks.

use std::{future::Future, panic::Location, rc::Rc, sync::Arc};

use async_task::{ScheduleInfo, WithInfo};
use ringmesh_msg::{NoSuchShard, ShardId};

use super::{
    Id, JoinCell, JoinError, JoinHandle, Runnable, Running, error::Cause, guarded::Guarded,
    schedule::Home,
};
use crate::{
    Handle, Placement, context,
    core::{Core, Note, Peer},
    shard::Shard,
    shield,
};

/// Spawns a task with a name, a placement, or both.
///
/// ```
/// # use ringmesh_sched::{Builder, Placement, ShardId, memory, shard, task};
/// # Builder::new(memory::Factory::new()).shards(2).run(async {
/// let shard = ShardId::new(1);
/// let task = task::Builder::new()
///     .name("accept loop")
///     .placement(Placement::Pinned(shard))
///     .spawn(async { shard::current() });
/// assert_eq!(task.await.unwrap(), Some(shard));
/// # }).unwrap();
/// ```
#[derive(Debug, Default, Clone)]
pub struct Builder {
    name: Option<Box<str>>,
    placement: Placement,
}

impl Builder {
    /// No name; stealable.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name for people: it shows in [`Meta::name`](super::Meta::name).
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into().into_boxed_str());
        self
    }

    /// Where the task runs. Default: [`Placement::Stealable`].
    #[must_use]
    pub fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Spawns on the current runtime.
    ///
    /// # Panics
    /// Outside any runtime; see [`Handle::try_current`].
    #[track_caller]
    pub fn spawn<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let seed = Seed {
            name: self.name,
            location: Location::caller(),
        };
        Handle::with_core(|core| spawn(core, seed, self.placement, future))
    }

    /// Spawns a `!Send` future on the calling shard. The placement is ignored: it stays here.
    ///
    /// # Panics
    /// On a thread that is no shard.
    #[track_caller]
    pub fn spawn_local<F>(self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        spawn_local(
            Seed {
                name: self.name,
                location: Location::caller(),
            },
            future,
        )
    }
}

/// What people get to know about a task.
pub(crate) struct Seed {
    pub(crate) name: Option<Box<str>>,
    pub(crate) location: &'static Location<'static>,
}

impl Seed {
    #[track_caller]
    pub(crate) fn here() -> Self {
        Self {
            name: None,
            location: Location::caller(),
        }
    }
}

/// Spawns a `Send` future.
pub(crate) fn spawn<F>(
    core: &Arc<Core>,
    seed: Seed,
    placement: Placement,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let (target, home) = match core.place(placement) {
        Ok(place) => place,
        Err(error) => return refused(core, error),
    };
    match target {
        Some(peer) => {
            let id = core.next_id();
            let (runnable, handle) = make(core, peer, home, id, seed, future);
            if let Some(runnable) = runnable {
                core.count_spawn();
                runnable.schedule();
            }
            handle
        }
        // Stealable: on this shard if it is one of ours, else through the injector.
        None => {
            let mut future = Some(future);
            let mut seed = Some(seed);
            let here = context::with_shard_of(core.id, |shard| {
                let (future, seed) = (future.take()?, seed.take()?);
                Some(spawn_here(shard, seed, future))
            });
            if let Some(Some(handle)) = here {
                return handle;
            }
            let (Some(future), Some(seed)) = (future, seed) else {
                unreachable!("taken only when spawned")
            };
            let peer = core.any_peer();
            let (runnable, handle) = make(core, peer, home, core.next_id(), seed, future);
            if let Some(runnable) = runnable {
                core.count_spawn();
                core.inject(runnable);
            }
            handle
        }
    }
}

fn spawn_here<F>(shard: &Shard, seed: Seed, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let id = shard.next_id();
    let (runnable, handle) = make(shard.core(), shard.peer(), Home::Anywhere, id, seed, future);
    if let Some(runnable) = runnable {
        shard.counters().tasks_spawned.add(1);
        shard.push_fresh(runnable);
    }
    handle
}

/// Spawns a `!Send` future on the calling shard.
#[track_caller]
pub(crate) fn spawn_local<F>(seed: Seed, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let shard = context::with_current_shard(Rc::clone);
    let Some(shard) = shard else {
        panic!(
            "spawn_local outside a shard: only a shard's own thread can hold a future that is not \
             Send; from elsewhere use Handle::spawn_local_on(shard, || future)"
        )
    };
    let id = shard.next_id();
    let cell = Arc::new(JoinCell::new(id, Some(Arc::clone(shard.peer()))));
    spawn_local_with(&shard, seed, future, &cell);
    JoinHandle::new(cell)
}

/// Makes a future on another shard, and runs it there.
pub(crate) fn spawn_local_on<M, F>(
    core: &Arc<Core>,
    seed: Seed,
    shard: ShardId,
    make: M,
) -> JoinHandle<F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let peer = match core.peer(shard) {
        Ok(peer) => peer,
        Err(error) => return refused(core, error),
    };
    let id = core.next_id();
    let cell = Arc::new(JoinCell::new(id, Some(Arc::clone(peer))));
    let handle = JoinHandle::new(Arc::clone(&cell));
    let unmade = Unmade { cell: Some(cell) };
    let work = Box::new(move || {
        let mut unmade = unmade;
        if let Some(shard) = context::with_shard(Rc::clone) {
            // `make` is foreign code: a panic in it is the task's.
            let made = shield::catch(make);
            let Some(cell) = unmade.cell.take() else {
                return;
            };
            match made {
                Ok(future) => spawn_local_with(&shard, seed, future, &cell),
                Err(payload) => {
                    cell.complete(Err(JoinError::panic(cell.id(), payload)));
                }
            }
        }
    });
    match peer.inbox.push(Note::Post(work)) {
        Ok(()) => peer.nudge(),
        Err(note) => shield::drop_quietly(note),
    }
    handle
}

/// A task whose future was not made yet; if it never is, the handle learns that the runtime is gone.
struct Unmade<T> {
    cell: Option<Arc<JoinCell<T>>>,
}

impl<T> Drop for Unmade<T> {
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            cell.complete(Err(JoinError::new(cell.id(), Cause::RuntimeGone)));
        }
    }
}

fn spawn_local_with<F>(shard: &Shard, seed: Seed, future: F, cell: &Arc<JoinCell<F::Output>>)
where
    F: Future + 'static,
    F::Output: 'static,
{
    let peer = Arc::clone(shard.peer());
    let running = Running::new(cell.id(), seed.location, shard.core().shards(), seed.name);
    let guarded = Guarded::new(future, running, Arc::clone(cell));
    let schedule = WithInfo(move |runnable, info: ScheduleInfo| {
        peer.schedule(Home::Local, runnable, info.woken_while_running);
    });
    let (runnable, task) = async_task::Builder::new()
        .metadata(cell.id())
        .spawn_local(move |_| guarded, schedule);
    task.detach();
    if let Some(runnable) = list(shard.peer(), cell, runnable) {
        shard.counters().tasks_spawned.add(1);
        shard.push(Home::Local, runnable, false);
    }
}

/// Makes a task of a `Send` future, and lists it. No runnable if the runtime is closing.
fn make<F>(
    core: &Core,
    peer: &Arc<Peer>,
    home: Home,
    id: Id,
    seed: Seed,
    future: F,
) -> (Option<Runnable>, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let cell = Arc::new(JoinCell::new(id, Some(Arc::clone(peer))));
    let running = Running::new(id, seed.location, core.shards(), seed.name);
    let guarded = Guarded::new(future, running, Arc::clone(&cell));
    let origin = Arc::clone(peer);
    let schedule = WithInfo(move |runnable, info: ScheduleInfo| {
        origin.schedule(home, runnable, info.woken_while_running);
    });
    let (runnable, task) = async_task::Builder::new()
        .metadata(id)
        .spawn(move |_| guarded, schedule);
    task.detach();
    let runnable = list(peer, &cell, runnable);
    (runnable, JoinHandle::new(cell))
}

/// Lists a task in its registry; drops it, which tells its handle, if the registry is closed.
fn list<T>(peer: &Peer, cell: &JoinCell<T>, runnable: Runnable) -> Option<Runnable> {
    match peer.registry.insert(cell.id(), runnable.waker()) {
        Ok(key) => {
            cell.listed(key);
            Some(runnable)
        }
        Err(waker) => {
            // The runnable first: the last reference must not be the waker's, which would schedule.
            drop(runnable);
            drop(waker);
            None
        }
    }
}

/// A handle that knows its error from the start.
fn refused<T>(core: &Core, error: NoSuchShard) -> JoinHandle<T> {
    let id = core.next_id();
    let outcome = Err(JoinError::new(id, Cause::NoSuchShard(error)));
    JoinHandle::new(Arc::new(JoinCell::done(id, outcome)))
}
