//! Signals as futures.
//!
//! A handler (`sigaction(2)`) notes the signal in an eventfd that the ring polls: no thread, no blocked signals, and
//! children that are started meanwhile inherit nothing unusual. Once a signal was listened for, its default action does
//! not come back: a second Ctrl-C does not kill the process unless the program lets it.
//!
//! ```no_run
//! # async fn serve() {}
//! #[ringmesh::main]
//! async fn main() -> std::io::Result<()> {
//!     ringmesh::spawn(serve());
//!     ringmesh::signal::ctrl_c().await?;
//!     println!("good-bye");
//!     Ok(())
//! }
//! ```

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;

use ringmesh_op::ops::PollAdd;
use ringmesh_op::{Op, SharedFd};
pub use ringmesh_sys::signal::Signal;

/// Ready when the process got `SIGINT` (Ctrl-C) after this was called.
///
/// Listening starts with the call, not with the first poll. Await it again (a new call) for the next one.
///
/// # Errors
///
/// No free descriptor, or too many listeners at a time.
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> + Send + Sync {
    once(Signal::Interrupt)
}

/// Ready when the process got `SIGTERM` after this was called. As [`ctrl_c`] otherwise.
///
/// # Errors
///
/// No free descriptor, or too many listeners at a time.
pub fn terminate() -> impl Future<Output = io::Result<()>> + Send + Sync {
    once(Signal::Terminate)
}

fn once(signal: Signal) -> impl Future<Output = io::Result<()>> + Send + Sync {
    let listener = Listener::new(signal);
    async move { listener?.recv().await.map(drop) }
}

/// Hears one signal until it is dropped, again and again.
///
/// ```no_run
/// use ringmesh::signal::{Listener, Signal};
/// # async fn reload() {}
/// # ringmesh::run(async {
/// let mut hangups = Listener::new(Signal::Hangup)?;
/// loop {
///     hangups.recv().await?;
///     reload().await;
/// }
/// # #[allow(unreachable_code)] Ok::<(), std::io::Error>(()) });
/// ```
pub struct Listener {
    signal: Signal,
    inner: ringmesh_sys::signal::Listener,
    fd: SharedFd,
}

impl Listener {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// No free descriptor, or too many listeners at a time (64).
    pub fn new(signal: Signal) -> io::Result<Self> {
        let inner = ringmesh_sys::signal::Listener::new(signal)?;
        // A number of our own for the ring: the handler's eventfd outlives the listener.
        let fd = SharedFd::new(inner.as_fd().try_clone_to_owned()?);
        Ok(Self { signal, inner, fd })
    }

    /// Waits for the signal, and says how many came since the last call. Signals that come close together may be merged
    /// by the kernel.
    ///
    /// Cancel safe: a signal that came is there for the next call.
    ///
    /// # Errors
    ///
    /// The ring's.
    pub async fn recv(&mut self) -> io::Result<u64> {
        loop {
            match self.inner.take() {
                0 => Op::new(PollAdd::new(&self.fd, POLLIN)).await?,
                n => return Ok(n),
            };
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("signal", &self.signal)
            .finish_non_exhaustive()
    }
}

/// `poll(2)`: there is something to read.
const POLLIN: u32 = 1;
