//! The two runtimes under the same programs.
//!
//! Each is built for a round and torn down after it; only what runs inside is measured. The measured future is spawned, so
//! that on both it runs on a shard or a worker and never on a thread that only waits for it (tokio's `block_on` pays a wake
//! for each of its wake-ups, which would be an unfair idiom for it).

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use ringmesh::{Affinity, Builder};

use crate::cpu;
use crate::rounds::Placement;

/// What the programs ask of a runtime.
pub trait Runtime: Copy + Send + Sync + 'static {
    /// Its name in a table.
    const NAME: &'static str;

    /// Runs `future` as a spawned task on `threads` threads, to its end.
    fn run<F>(threads: usize, placement: Placement, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Spawns a task that may run on any thread; the future is its result.
    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
}

/// ringmesh.
#[derive(Debug, Clone, Copy)]
pub struct Mesh;

/// tokio's multi-threaded runtime.
#[derive(Debug, Clone, Copy)]
pub struct Tokio;

impl Mesh {
    /// A builder with that many shards at that placement.
    pub fn builder(shards: usize, placement: Placement) -> Builder {
        Builder::new().shards(shards).affinity(match placement {
            Placement::Pinned => Affinity::Auto,
            Placement::Free => Affinity::Off,
        })
    }
}

impl Runtime for Mesh {
    const NAME: &'static str = "ringmesh";

    fn run<F>(threads: usize, placement: Placement, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let builder = Mesh::builder(threads, placement);
        builder
            .run(async { Mesh::spawn(future).await })
            .expect("a mesh")
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = ringmesh::spawn(future);
        async move { task.await.expect("a task that does not panic") }
    }
}

impl Runtime for Tokio {
    const NAME: &'static str = "tokio";

    fn run<F>(threads: usize, placement: Placement, future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(threads).enable_all();
        if placement == Placement::Pinned {
            let next = AtomicUsize::new(0);
            builder.on_thread_start(move || {
                // The workers start first; threads of the blocking pool come later and stay free.
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index < threads {
                    cpu::pin(index);
                }
            });
        }
        let runtime = builder.build().expect("a tokio runtime");
        runtime.block_on(async { Tokio::spawn(future).await })
    }

    fn spawn<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = tokio::spawn(future);
        async move { task.await.expect("a task that does not panic") }
    }
}
