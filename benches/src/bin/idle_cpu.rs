//! CPU time of an idle two-shard runtime: fresh, and after load. `--seconds 5` is how long it idles each time.
//!
//! The figure is the CPU time of the whole process in that time, not a share of it.

use std::time::Duration;
use std::{hint, thread};

use ringmesh_bench::cpu;
use ringmesh_bench::option;
use ringmesh_bench::rounds::{Placement, Sample, Table, Unit};
use ringmesh_bench::runtimes::Mesh;

fn main() {
    let idle = Duration::from_secs_f64(option::value("--seconds", 5.0));
    let title = format!("CPU time of an idle runtime in {idle:?}");
    for placement in Placement::asked() {
        Table::new(title.clone(), placement, Unit::Micros)
            .row("ringmesh, fresh", move || mesh(placement, idle, 0))
            .row("ringmesh, after load", move || {
                mesh(placement, idle, 20_000)
            })
            .row("tokio, fresh", move || tokio(idle, 0))
            .row("tokio, after load", move || tokio(idle, 20_000))
            .row("no runtime", move || rest(idle))
            .run();
    }
}

fn mesh(placement: Placement, idle: Duration, tasks: u64) -> Sample {
    let runtime = Mesh::builder(2, placement).build().expect("a mesh");
    let load = async move {
        let tasks: Vec<_> = (0..tasks).map(|seed| ringmesh::spawn(work(seed))).collect();
        for task in tasks {
            task.await.expect("a task that does not panic");
        }
    };
    runtime.block_on(load);
    rest(idle)
}

fn tokio(idle: Duration, tasks: u64) -> Sample {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a tokio runtime");
    runtime.block_on(async move {
        let tasks: Vec<_> = (0..tasks).map(|seed| tokio::spawn(work(seed))).collect();
        for task in tasks {
            task.await.expect("a task that does not panic");
        }
    });
    rest(idle)
}

async fn work(seed: u64) {
    hint::black_box(ringmesh_bench::payload::compute(seed, 1000));
}

/// Lets everything come to rest, then measures.
fn rest(idle: Duration) -> Sample {
    thread::sleep(Duration::from_millis(200));
    let before = cpu::time();
    thread::sleep(idle);
    let spent = (cpu::time() - before).as_nanos() as f64;
    Sample {
        ns: spent,
        cpu_ns: spent,
        checksum: 0,
        extra: None,
    }
}
