//! Tasks spawned and joined on one shard, their outputs summed: 100,000 of them, `--tasks N`.
//!
//! What it contains: the guard, the registry entry, the join cell, one poll, the wake of the joiner. All are spawned before
//! the first is awaited.

use ringmesh_bench::option;
use ringmesh_bench::rounds::{Placement, Sample, Table, Unit, Watch};
use ringmesh_bench::runtimes::{Mesh, Runtime, Tokio};

fn main() {
    let tasks = option::value("--tasks", 100_000u64);
    for placement in Placement::asked() {
        Table::new(
            format!("spawn and join, {tasks} tasks, one shard"),
            placement,
            Unit::Nanos,
        )
        .row("ringmesh", move || {
            Mesh::run(1, placement, stealable::<Mesh>(tasks))
        })
        .row("ringmesh, spawn_local", move || {
            Mesh::builder(1, placement)
                .run(local(tasks))
                .expect("a mesh")
        })
        .row("tokio", move || {
            Tokio::run(1, placement, stealable::<Tokio>(tasks))
        })
        .run();
    }
}

async fn stealable<R: Runtime>(tasks: u64) -> Sample {
    let watch = Watch::start();
    let handles: Vec<_> = (0..tasks)
        .map(|index| R::spawn(async move { index }))
        .collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await;
    }
    watch.end(tasks, sum)
}

async fn local(tasks: u64) -> Sample {
    let watch = Watch::start();
    let spawn = |index| ringmesh::spawn_local(async move { index });
    let handles: Vec<_> = (0..tasks).map(spawn).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await.expect("a task that does not panic");
    }
    watch.end(tasks, sum)
}
