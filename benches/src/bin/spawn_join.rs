//! Tasks spawned and joined on one shard, their outputs summed: 100,000 of them, `--tasks N`.
//!
//! What it contains: the guard, the registry entry, the join cell, one poll, the wake of the joiner. All are spawned before
//! the first is awaited. A pass that is not measured goes before, and the allocator keeps what is freed, so that no page is
//! touched for the first time.

use ringmesh_bench::rounds::{Placement, Sample, Table, Unit, Watch};
use ringmesh_bench::runtimes::{Mesh, Runtime, Tokio};
use ringmesh_bench::{memory, option};

fn main() {
    memory::keep();
    let tasks = option::value("--tasks", 100_000u64);
    for placement in Placement::asked() {
        Table::new(
            format!("spawn and join, {tasks} tasks, one shard"),
            placement,
            Unit::Nanos,
        )
        .row("ringmesh", move || {
            Mesh::run(1, placement, stealable(tasks))
        })
        .row("ringmesh, spawn_local", move || {
            Mesh::builder(1, placement)
                .run(local(tasks))
                .expect("a mesh")
        })
        .row("tokio", move || Tokio::run(1, placement, tokio(tasks)))
        .run();
    }
}

async fn stealable(tasks: u64) -> Sample {
    let spawn = |index| ringmesh::spawn(async move { index });
    pass(tasks, spawn).await;
    pass(tasks, spawn).await
}

async fn local(tasks: u64) -> Sample {
    let spawn = |index| ringmesh::spawn_local(async move { index });
    pass(tasks, spawn).await;
    pass(tasks, spawn).await
}

async fn tokio(tasks: u64) -> Sample {
    let spawn = |index| tokio::spawn(async move { index });
    pass(tasks, spawn).await;
    pass(tasks, spawn).await
}

async fn pass<T, E>(tasks: u64, spawn: impl Fn(u64) -> T) -> Sample
where
    T: Future<Output = Result<u64, E>>,
{
    let watch = Watch::start();
    let handles: Vec<T> = (0..tasks).map(spawn).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle
            .await
            .unwrap_or_else(|_| panic!("a task that does not panic"));
    }
    watch.end(tasks, sum)
}
