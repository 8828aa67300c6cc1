//! An async runtime for Linux: one io_uring ring per core, woven into a work-stealing mesh.
//!
//! * A task may move to another core **at any await**, while its operations stay on the ring that started them.
//! * A dropped future loses **no byte, no connection, no descriptor**: `timeout` and `select!` are safe around any read.
//! * Nothing is polled on a timer: an idle runtime uses no CPU.
//!
//! # Quick start
//!
//! ```no_run
//! use std::{io, net::SocketAddr};
//! use ringmesh::{fs::{self, File}, net::{TcpListener, TcpStream}};
//!
//! #[ringmesh::main]
//! async fn main() -> io::Result<()> {
//!     fs::create_dir_all("in").await?;
//!     let listener = TcpListener::bind("127.0.0.1:7001").await?;
//!     let mut incoming = listener.incoming();                 // multishot accept; backs off on EMFILE, never ends on ECONNABORTED
//!     while let Some((stream, peer)) = incoming.next().await? {
//!         ringmesh::spawn(async move {                         // Send: may move to another shard at any await
//!             if let Err(e) = save(stream, peer).await { eprintln!("{peer}: {e}") }
//!         });
//!     }
//!     Ok(())
//! }
//!
//! async fn save(stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
//!     let (_, buf) = stream.read(Vec::with_capacity(64 * 1024)).await?;   // len == what came
//!     let file = File::create(format!("in/{}", peer.port())).await?;
//!     file.write_all_at(buf, 0).await?;
//!     file.sync_all().await
//! }
//! ```
//!
//! # Buffers go in and come back
//!
//! The kernel works on a buffer after the call has returned, so an operation *owns* its buffer and gives it back with the
//! result. `?` keeps the error only; the error holds the buffer for those who want it.
//!
//! ```
//! # ringmesh::run(async {
//! use ringmesh::net::UnixStream;
//! let (near, far) = UnixStream::pair()?;
//! let ((), greeting) = near.write_all("hello").await?;        // a &'static str, given back
//! let mut buf = Vec::with_capacity(1024);                      // one allocation for the whole loop
//! while buf != greeting.as_bytes() {
//!     let (n, back) = far.read(buf).await?;                    // n == back.len(); 0 is the end and nothing else
//!     assert!(n > 0);
//!     buf = back;
//! }
//! # std::io::Result::Ok(()) }).unwrap().unwrap();
//! ```
//!
//! What tokio's readers take does not compile here, and the compiler says what to write instead:
//!
//! ```compile_fail
//! # async fn read(stream: ringmesh::net::TcpStream) -> std::io::Result<()> {
//! let mut buf = vec![0; 1024];
//! let n = stream.read(&mut buf).await?;
//! # Ok(()) }
//! ```
//!
//! See [`buf`] for the rules, and [`net::TcpStream::recv`] for reading without a buffer of your own.
//!
//! # Tasks
//!
//! [`spawn`] takes a `Send` future and may move it between shards; [`spawn_local`] and [`spawn_local_on`] take any future
//! and keep it where it is; [`spawn_with`] names a [`Placement`]; [`spawn_blocking`] is for work that blocks. A
//! [`JoinHandle`] that is dropped lets its task run on. A panic ends its own task only, and arrives as a [`JoinError`].
//! [`JoinSet`] joins many tasks in the order in which they end and aborts them when it is dropped; a
//! [`CancellationToken`] asks them to stop.
//!
//! ```
//! # ringmesh::run(async {
//! use std::time::Duration;
//! use ringmesh::{JoinSet, time};
//! let mut set = JoinSet::new();
//! for n in 1..=3_u64 {
//!     set.spawn(async move {
//!         time::sleep(Duration::from_millis(n)).await;
//!         n
//!     });
//! }
//! let all = time::timeout(Duration::from_secs(5), set.join_all()).await.expect("in time");
//! assert_eq!(all.iter().sum::<u64>(), 6);
//! # }).unwrap();
//! ```
//!
//! # Dropping, timeouts, cancelling
//!
//! A future that is dropped cancels its operation, and what the kernel had already done is kept for the next one: bytes
//! stay with the stream, a connection stays with its listener.
//!
//! ```
//! # ringmesh::run(async {
//! use std::time::Duration;
//! use ringmesh::{net::UnixStream, time};
//! let (near, far) = UnixStream::pair()?;
//! let impatient = time::timeout(Duration::from_millis(1), near.read(vec![0; 64])).await;
//! assert!(impatient.is_err());
//! far.write_all("late").await?;
//! let (_, late) = near.read(vec![0; 64]).await?;
//! assert_eq!(late, b"late");
//! # std::io::Result::Ok(()) }).unwrap().unwrap();
//! ```
//!
//! # Entries
//!
//! [`#[ringmesh::main]`](macro@main), [`run`] and [`Builder::run`] make the calling thread shard 0, which is the fast
//! shape. [`Builder::build`] gives a [`Runtime`] with all shards on threads of their own. `RINGMESH_SHARDS` overrides the
//! number of shards, which is that of the CPUs this process may use.
//!
//! ```
//! let sum = ringmesh::Builder::new().shards(2).run(async {
//!     let task = ringmesh::spawn(async { 2 + 2 });
//!     task.await.unwrap()
//! });
//! assert_eq!(sum.unwrap(), 4);
//! ```
//!
//! **Inside other runtimes** operations work as well: [`Runtime::install`] makes a runtime the process's default, so
//! every worker of a tokio program can await them; [`Handle::enter`] and [`Handle::wrap`] do it for a scope or a future.
//!
//! ```
//! let mesh = ringmesh::Builder::new().shards(1).build().unwrap();
//! let tokio = tokio::runtime::Builder::new_multi_thread().build().unwrap();
//! let handle = mesh.handle().clone();
//! let text = tokio.block_on(handle.wrap(ringmesh::fs::read("Cargo.toml"))).unwrap();
//! assert!(!text.is_empty());
//! ```
//!
//! # HTTP, and other crates with poll-shaped traits
//!
//! Behind the features `tokio`, `futures` and `hyper` (or `full`), `io::PollIo` carries the I/O traits of those
//! crates over any stream.
//!
#![cfg_attr(feature = "hyper", doc = "```no_run")]
#![cfg_attr(not(feature = "hyper"), doc = "```ignore")]
//! use http_body_util::Full;
//! use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
//! use ringmesh::{io::{HyperTimer, PollIo}, net::TcpListener};
//!
//! async fn hello(_: Request<Incoming>) -> Result<Response<Full<bytes::Bytes>>, std::convert::Infallible> {
//!     Ok(Response::new(Full::new("hello\n".into())))
//! }
//!
//! #[ringmesh::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:8080").await?;
//!     let mut incoming = listener.incoming();
//!     while let Some((stream, _)) = incoming.next().await? {
//!         ringmesh::spawn(async move {
//!             let service = service_fn(hello);
//!             let connection = http1::Builder::new().timer(HyperTimer).serve_connection(PollIo::new(stream), service);
//!             if let Err(e) = connection.await { eprintln!("{e}") }
//!         });
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Messages between shards
//!
//! Each shard has a bounded mailbox in shared memory; see [`msg`] for the transport and [`shard::inbox`] for a shard's
//! own end of it. Channels between tasks are those of `tokio::sync`, re-exported as `ringmesh::sync`.
//!
//! # What is where
//!
//! | module | what |
//! |---|---|
//! | [`net`], [`fs`] | sockets and files |
//! | [`time`], [`task`], [`shard`], [`signal`] | timers, tasks, the current shard, signals |
//! | [`io`] | traits over owned buffers, adapters, bridges |
//! | [`buf`] | buffers that an operation can own |
//! | [`msg`] | messages between shards |
//! | [`op`] | the native lane: every operation by itself, chains, an escape hatch for opcodes that are not wrapped |
//! | [`metrics`] | counters of each shard, and recorded events |
//!
//! # Features
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `macros` | yes | `#[ringmesh::main]`, `#[ringmesh::test]` |
//! | `sync` | yes | `ringmesh::sync` |
//! | `bytes` | | buffers of the `bytes` crate |
//! | `tokio`, `futures`, `hyper` | | `io::PollIo` with the traits of that crate |
//! | `full` | | all of them |
//!
//! # Limits
//!
//! Linux with io_uring is required at present; [`capabilities`] says what a machine lacks and what to do about it, and so
//! does the error of [`Builder::build`]. A task that computes for more than a millisecond without awaiting delays the I/O
//! of every connection whose operations are on its shard's ring: move such work to a task of its own (which can be
//! stolen from, not helped) or to [`spawn_blocking`].
#![forbid(unsafe_code)]

mod cancellation;
mod join_set;
pub mod prelude;
pub mod signal;
pub mod task;

pub use cancellation::{CancellationToken, Cancelled, DropGuard};
pub use join_set::{AbortHandle, JoinSet};

pub use ringmesh_op::{Builder, DriverKind, Lane, Op, run, run_with};
pub use ringmesh_sched::{
    Affinity, BuildError, BuildErrorKind, Closed, EnterGuard, Event, EventKind, Handle, Idle,
    JoinError, JoinHandle, Metrics, NoRuntime, NoSuchShard, Placement, Runtime, ShardId,
    ShutdownReport, Wrapped, spawn, spawn_blocking, spawn_local, spawn_local_on, spawn_with,
    yield_now,
};
pub use ringmesh_sys::Capabilities;

#[cfg(feature = "macros")]
pub use ringmesh_macros::{main, test};

#[doc(inline)]
pub use {
    ringmesh_buf as buf, ringmesh_fs as fs, ringmesh_io as io, ringmesh_msg as msg,
    ringmesh_net as net, ringmesh_op as op,
};

#[doc(inline)]
pub use ringmesh_sched::{coop, metrics, shard, time};

/// Channels, locks and semaphores: `tokio::sync`, which needs no tokio runtime.
///
/// They belong to no executor, so they work between tasks of different shards, between ringmesh and tokio tasks, and
/// with plain threads (`blocking_send`, `blocking_recv`).
#[cfg(feature = "sync")]
pub use tokio::sync;

/// What this kernel lets this process do with io_uring, and what is missing with the reason and the remedy.
///
/// Printed, it is a short report. The kernel is asked once per process.
///
/// ```
/// let capabilities = ringmesh::capabilities();
/// println!("{capabilities}");
/// for missing in capabilities.missing() {
///     println!("{missing:?}");
/// }
/// ```
pub fn capabilities() -> &'static Capabilities {
    Capabilities::probe()
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
