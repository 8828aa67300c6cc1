//! Spawning on the current runtime.

use std::{
    future::{Future, poll_fn},
    task::Poll,
};

use ringmesh_msg::ShardId;

use crate::{
    Handle, JoinHandle, Placement,
    task::{self, Seed},
};

/// Spawns a task that may move to another shard at any await.
///
/// # Panics
/// Outside any runtime, see [`Handle::try_current`]. So do the other functions here.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    task::spawn_current(Seed::here(), future)
}

/// Spawns a task that stays on the calling shard and need not be `Send`.
///
/// # Panics
/// On a thread that is no shard: use [`spawn_local_on`] there.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    task::spawn_local(Seed::here(), future)
}

/// Spawns a task with a placement. A shard that does not exist is reported by the
/// [`JoinError`](crate::JoinError).
#[track_caller]
pub fn spawn_with<F>(placement: Placement, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let seed = Seed::here();
    Handle::with_core(|core| task::spawn(core, seed, placement, future))
}

/// Calls `make` on a shard and runs the future that it returns there; see
/// [`Handle::spawn_local_on`].
#[track_caller]
pub fn spawn_local_on<M, F>(shard: ShardId, make: M) -> JoinHandle<F::Output>
where
    M: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Send + 'static,
{
    let seed = Seed::here();
    Handle::with_core(|core| task::spawn_local_on(core, seed, shard, make))
}

/// Runs a function that blocks on a thread of the blocking pool.
///
/// ```
/// # use ringmesh_sched::{Builder, memory, spawn_blocking};
/// # Builder::new(memory::Factory::new()).shards(1).run(async {
/// let sum = spawn_blocking(|| (0..100u32).sum::<u32>());
/// assert_eq!(sum.await.unwrap(), 4950);
/// # }).unwrap();
/// ```
#[track_caller]
pub fn spawn_blocking<T, F>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Handle::current().spawn_blocking(work)
}

/// Lets the other tasks of this shard run first.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
