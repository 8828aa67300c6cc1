use std::future::Future;

/// Runs hyper's futures as stealable tasks of the current runtime: connections may move between shards.
///
/// Outside any runtime it panics with the sentence that says what to do, as `spawn` does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(ringmesh_sched::spawn(future));
    }
}

/// Runs hyper's futures on the current shard, where they stay: they need not be `Send`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalExecutor;

impl<F> hyper::rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        drop(ringmesh_sched::spawn_local(future));
    }
}
