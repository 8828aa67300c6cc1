//! CPU time and placement of this process.

use std::time::Duration;

/// User and system time that this process has used.
pub fn time() -> Duration {
    ringmesh_sys::process::cpu_time()
}

/// Pins the calling thread to the `index`-th CPU that this process may use, as `Affinity::Auto` pins shards.
pub fn pin(index: usize) {
    let cpus = ringmesh_sys::cpu::available();
    if let Some(cpu) = cpus.get(index % cpus.len().max(1)) {
        ringmesh_sys::cpu::pin_current(*cpu).expect("a CPU of our own affinity mask");
    }
}
