//! The process default: alone in its file, for it is process-wide.

#[path = "support/tools.rs"]
mod tools;

use std::thread;

use ringmesh_sched::{Handle, spawn};
use tools::{builder, guarded};

#[test]
fn an_installed_runtime_is_current_on_every_thread_until_it_ends() {
    guarded(|| {
        let runtime = builder(1).build().unwrap();
        runtime.install();
        thread::spawn(|| {
            let task = spawn(async { 4 });
            assert_eq!(futures_lite::future::block_on(task).unwrap(), 4);
        })
        .join()
        .unwrap();
        // Another's end does not take it away.
        drop(builder(1).build().unwrap());
        assert_eq!(
            Handle::current().runtime_id(),
            runtime.handle().runtime_id()
        );
        drop(runtime);
        assert!(Handle::try_current().is_err());
    });
}
