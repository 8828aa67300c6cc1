//! The native op lane: from submission to the final completion without losing a buffer, a byte or a descriptor.
//!
//! An **op** is one request to the kernel, from its SQE to its last CQE. This crate turns io_uring ops into futures that may be
//! polled on any thread and dropped at any moment, on the rings of a runtime that it makes ready for use. `ringmesh-fs` and
//! `ringmesh-net` are written with it in safe code; use it directly for ops that they do not offer, or to choose the ring.
//!
//! ```
//! use ringmesh_op::{Op, SharedFd, ops::{Recv, Send}};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # if !ringmesh_sys::Capabilities::probe().usable() { return Ok(()); }
//! let bytes = ringmesh_op::run(async {
//!     let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
//!     let (ours, theirs) = (SharedFd::new(ours.into()), SharedFd::new(theirs.into()));
//!     Op::new(Send::new(&ours, "ping")).await?;
//!     let (count, buf) = Op::new(Recv::new(&theirs, Vec::with_capacity(64))).await?;
//!     assert_eq!(count, buf.len());
//!     std::io::Result::Ok(buf)
//! })??;
//! assert_eq!(bytes, b"ping");
//! # Ok(())
//! # }
//! ```
//!
//! # What an op is made of
//!
//! 1. A file of [`ops`], named after the kernel's opcode: what it puts into the SQE and why, how it reads the result, and what
//!    becomes of a result that nobody waits for. This is the white box: [`OpCode`].
//! 2. [`Op`], the future. Before its first poll it owns its buffer and nothing is in the kernel. The first poll moves buffer,
//!    path, address into a heap cell (the op's only allocation), gives it a slot, and queues the SQE. From then on the future is
//!    a handle.
//! 3. The slot holds the cell until the **terminal** CQE. Whatever happens to the future, the kernel's memory stays.
//! 4. The driver of the shard submits and reaps, and wakes whoever polled last, on whatever thread.
//!
//! # Which ring
//!
//! The one of the shard that polls it first; a task that moves to another shard afterwards leaves its op where it is, and is woken
//! where the completion is reaped. A [`Lane`] names another ring. On a thread that is no shard (a tokio worker, a plain thread
//! with a [`Handle`] entered) the op travels to the least loaded shard of the current runtime.
//!
//! # Going away
//!
//! | what happens | what comes of it |
//! |---|---|
//! | dropped before the first poll | nothing reaches the kernel |
//! | dropped in flight | a cancel that cannot be lost is requested, the op's orphan handler takes the result |
//! | [`cancel().await`](Op::cancel) | the result, or `ECANCELED`; the buffer in both cases |
//! | [`timeout(d)`](Op::timeout) | a success beats a timer that has fired; `TimedOut` only if the timer stopped the op |
//! | last [`SharedFd`] of a socket dropped | everything armed on it is cancelled, on every ring; then it is closed |
//! | `mem::forget` of the future | sound; the cell is freed never, the slot at the CQE |
//! | runtime shut down | everything is cancelled and reaped; what hangs until the deadline is leaked and counted, never freed |
//!
//! # Many at once
//!
//! Join futures, or send a [`Chain`] whose steps the kernel runs one after the other. Any number of ops may wait on one ring: what
//! finds no room in the submission queue waits in order, cancels first. Streams of completions from one request are in
//! [`multishot`].
//!
//! # What is not here
//!
//! A driver for kernels without io_uring (needed: Linux 5.18, and 6.1 for the mode that all figures are about). No op is
//! submitted for a shard that computes without end: a long poll delays the completions of its ring.

mod cancel;
mod cell;
mod chain;
mod driver;
mod fd;
mod key;
mod lane;
mod lease;
pub mod multishot;
mod oneshot;
mod op;
mod opcode;
pub mod ops;
mod raw;
mod remote;
#[doc(hidden)]
pub mod rings;
mod runtime;
mod send_batch;
mod shim;
mod slots;
#[doc(hidden)]
pub mod state;
mod timeout;
mod wake;

pub use cancel::Cancel;
pub use chain::{Chain, ChainTooLong, Linked};
pub use driver::UringFactory;
pub use fd::{FdKind, FdRef, SharedFd};
pub use key::{KIND_DRIVER, Key};
pub use lane::Lane;
pub use lease::Lease;
pub use op::Op;
pub use opcode::{Config, OpCode, Res, Resume};
pub use raw::Raw;
pub use ringmesh_sched::{
    BuildError, Handle, Metrics, NoSuchShard, Placement, Runtime, ShardId, ShutdownReport,
};
pub use runtime::{Builder, DriverKind, run, run_with};
pub use send_batch::{AnyBuf, SendBatch, any_buf, any_vec};
pub use timeout::Timeout;
