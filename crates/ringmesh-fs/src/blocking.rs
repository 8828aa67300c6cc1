//! Calls that the kernel offers no ring operation for.

use std::io;

use ringmesh_sched::spawn_blocking;

/// Runs `work` on the runtime's blocking pool. The work goes on if the future is dropped.
pub(crate) async fn unblock<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
        Err(e) => Err(io::Error::other(e)),
    }
}
