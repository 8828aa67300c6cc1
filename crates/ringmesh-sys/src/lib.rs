//! A raw io_uring ring with negotiated set-up and honest capability probing.
//!
//! This crate knows how to talk to the kernel and nothing about tasks, futures or buffers' owners. It gives
//!
//! * [`RingOptions`] and [`Ring`]: a ring with the best flags that the kernel grants, and typed errors that name cause
//!   and remedy where it grants none ([`SetupError`]);
//! * [`Submitter`] and [`Completer`]: the two halves of a ring. The first belongs to the thread that owns the ring, the
//!   second may be used by any one thread at a time;
//! * [`Sqe`] and [`Cqe`]: the kernel's entries as plain values;
//! * [`BufRing`]: buffers that the kernel chooses from;
//! * [`msg_ring_sync`]: a message to a ring without a ring;
//! * [`Capabilities`]: what this kernel can do and *why* something is missing;
//! * [`cpu`], [`thread`], [`process`], [`eventfd`], [`signal`]: the other corners of Linux that a runtime needs.
//!
//! ```
//! use ringmesh_sys::{RingOptions, Sqe, Wait};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # if RingOptions::new().build().is_err() { return Ok(()) } // no io_uring here
//! let ring = RingOptions::new().entries(8).build()?;
//! let (mut submitter, mut completer) = ring.split();
//!
//! let nop = Sqe::default().with_user_data(7);
//! // SAFETY: a NOP points to nothing.
//! unsafe { submitter.push(&nop) }?;
//! submitter.enter(1, Wait::Forever)?; // submits and waits in one system call
//!
//! let cqe = completer.next().expect("we waited for it");
//! assert_eq!((cqe.user_data, cqe.result), (7, 0));
//! # Ok(())
//! # }
//! ```
//!
//! # A ring and its threads
//!
//! By default a ring is set up with `SINGLE_ISSUER | DEFER_TASKRUN`, which makes it fast and binds it to one thread: the
//! one that enables it. [`RingOptions::disabled`] separates the two, so that all rings of a program can be made (and can
//! fail) in one place and are enabled each by its own thread:
//!
//! 1. `let ring = RingOptions::new().disabled(true).build()?` anywhere;
//! 2. on the owner's thread: `ring.enable()?`, `let (submitter, completer) = ring.split()`, `submitter.register_ring_fd()`;
//! 3. only the owner enters: [`Submitter::enter`] from another thread is `EEXIST`;
//! 4. completions become visible when the *owner* enters with `GETEVENTS`; whoever holds the [`Completer`] can then take
//!    them, which is what makes it useful behind a lock.
//!
//! A `Submitter` and a `Completer` may be sent to another thread but not be shared: each method call has the queue for
//! itself.
//!
//! # What is unsafe
//!
//! [`Submitter::push`]: an SQE carries addresses, and the kernel uses them until the terminal completion, also after the
//! ring's descriptor was closed. [`Submitter::register_buffers`] and [`BufMemory::bytes`] for the like reason. Everything
//! else is safe.

mod buf_ring;
mod capabilities;
mod completer;
pub mod cpu;
mod cqe;
pub mod eventfd;
mod kernel;
mod limits;
mod msg_ring;
pub mod opcode;
mod options;
pub mod process;
mod ring;
mod setup;
pub mod signal;
mod sqe;
pub mod sqe_flags;
mod submitter;
mod syscall;
pub mod thread;

pub use buf_ring::{BufMemory, BufRing};
pub use capabilities::{Capabilities, Feature, Missing};
pub use completer::Completer;
pub use cqe::{CQE_F_BUF_MORE, CQE_F_BUFFER, CQE_F_MORE, CQE_F_NOTIF, CQE_F_SOCK_NONEMPTY, Cqe};
pub use kernel::KernelVersion;
pub use msg_ring::msg_ring_sync;
pub use options::{RingOptions, SqPoll};
pub use ring::{Ring, RingFd};
pub use setup::{Setup, SetupCause, SetupError};
pub use sqe::Sqe;
pub use submitter::{Full, Submitter, Wait};

/// The examples of the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
