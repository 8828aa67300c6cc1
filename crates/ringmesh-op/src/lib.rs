//! The native op lane: from submission to the final completion without losing a buffer, a byte or a descriptor
#![warn(missing_docs)]

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
