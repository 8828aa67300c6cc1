//! Making tasks.

use std::{future::Future, panic::Location, rc::Rc, sync::Arc};

use async_task::WithInfo;
use ringmesh_msg::{NoSuchShard, ShardId};

use super::{
    Header, Home, Id, JoinCell, JoinHandle, Place, Runnable,
    error::Cause,
    guarded::Guarded,
    join::{Listed, OUTSIDE},
    registry::Task,
    schedule::schedule,
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

/// Spawns a stealable task on the current runtime: by the shortest way if this is one of its shards.
#[inline]
#[track_caller]
pub(crate) fn spawn_current<F>(seed: Seed, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    match context::with_current_shard(Rc::clone) {
        Some(shard) => spawn_here(&shard, seed, future),
        None => Handle::with_core(|core| spawn(core, seed, Placement::Stealable, future)),
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
    if target.is_none()
        && let Some(shard) = context::with_shard_of(core.id, Rc::clone)
    {
        return spawn_here(&shard, seed, future);
    }
    spawn_there(core, target, home, seed, future)
}

/// Spawns a stealable task on the calling shard.
#[inline]
fn spawn_here<F>(shard: &Shard, seed: Seed, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let header = Header {
        id: shard.next_id(),
        origin: shard.peer().origin(),
        home: Home::Anywhere,
    };
    let (runnable, handle) = make(shard.core(), Some(shard), header, seed, future);
    if let Some(runnable) = runnable {
        shard.push_fresh(runnable);
    }
    handle
}

/// Spawns a task for a shard, or for whoever takes it from the injector.
fn spawn_there<F>(
    core: &Core,
    target: Option<&Arc<Peer>>,
    home: Home,
    seed: Seed,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let header = Header {
        id: core.next_id(),
        origin: target.unwrap_or_else(|| core.any_peer()).origin(),
        home,
    };
    let here = context::with_shard_of(core.id, Rc::clone);
    let (runnable, handle) = make(core, here.as_deref(), header, seed, future);
    if let Some(runnable) = runnable {
        match target {
            Some(peer) => peer.start(runnable),
            None => core.inject(runnable),
        }
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
    let cell = Arc::new(JoinCell::new(shard.peer().listed()));
    spawn_local_with(&shard, id, seed, future, &cell);
    JoinHandle::new(id, cell)
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
    let cell = Arc::new(JoinCell::new(peer.listed()));
    let handle = JoinHandle::new(id, Arc::clone(&cell));
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
                Ok(future) => spawn_local_with(&shard, id, seed, future, &cell),
                Err(payload) => cell.complete(Err(Cause::panic(payload))),
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
            cell.complete(Err(Cause::RuntimeGone));
        }
    }
}

fn spawn_local_with<F>(
    shard: &Shard,
    id: Id,
    seed: Seed,
    future: F,
    cell: &Arc<JoinCell<F::Output>>,
) where
    F: Future + 'static,
    F::Output: 'static,
{
    let place = Place::new(id, seed.name, seed.location, shard.core().shards());
    let guarded = Guarded::new(id, future, place, Arc::clone(cell));
    let header = Header {
        id,
        origin: shard.peer().origin(),
        home: Home::Local,
    };
    let (runnable, task) = async_task::Builder::new()
        .metadata(header)
        .spawn_local(move |_| guarded, WithInfo(schedule));
    if let Some(runnable) = list(shard.core(), Some(shard), id, cell, runnable, task) {
        shard.push(Home::Local, runnable, false);
    }
}

/// Makes a task of a `Send` future, and lists it. No runnable if the runtime is closing.
#[inline]
fn make<F>(
    core: &Core,
    here: Option<&Shard>,
    header: Header,
    seed: Seed,
    future: F,
) -> (Option<Runnable>, JoinHandle<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let id = header.id;
    let cell = Arc::new(JoinCell::new(Listed {
        runtime: core.id,
        lister: here.map_or(OUTSIDE, |shard| shard.id().index() as u32),
    }));
    let place = Place::new(id, seed.name, seed.location, core.shards());
    let guarded = Guarded::new(id, future, place, Arc::clone(&cell));
    let (runnable, task) = async_task::Builder::new()
        .metadata(header)
        .spawn(move |_| guarded, WithInfo(schedule));
    let runnable = list(core, here, id, &cell, runnable, task);
    (runnable, JoinHandle::new(id, cell))
}

/// Lists a task with the shard that spawns it, or with the outsiders. If the list is closed the task is
/// dropped, which tells its handle.
#[inline]
fn list<T>(
    core: &Core,
    here: Option<&Shard>,
    id: Id,
    cell: &JoinCell<T>,
    runnable: Runnable,
    task: Task,
) -> Option<Runnable> {
    let listed = match here {
        Some(shard) => shard.tasks().borrow_mut().insert(id, task),
        None => core.outsiders.lock().insert(id, task),
    };
    match listed {
        Ok(key) => {
            cell.set_key(key);
            match here {
                Some(shard) => shard.counters().tasks_spawned.add(1),
                None => core.outside.tasks_spawned.add_shared(1),
            }
            Some(runnable)
        }
        Err(task) => {
            // Dropped while it is scheduled: so it is not scheduled again when the handle goes.
            drop(runnable);
            task.detach();
            None
        }
    }
}

/// A handle that knows its error from the start.
fn refused<T>(core: &Core, error: NoSuchShard) -> JoinHandle<T> {
    let id = core.next_id();
    let cell = Arc::new(JoinCell::new(core.peers[0].listed()));
    cell.complete(Err(Cause::NoSuchShard(Box::new(error))));
    JoinHandle::new(id, cell)
}
