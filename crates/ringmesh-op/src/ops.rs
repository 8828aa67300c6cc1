//! The operations, one file each: what the kernel sees, how it completes, what a drop in flight does.
//!
//! Every op is a plain value with a constructor; [`Op::new`](crate::Op::new) or a [`Lane`](crate::Lane) makes a future of
//! it, and the future's first poll hands it to a ring.
//!
//! | op | man page | output |
//! |---|---|---|
//! | [`Nop`] | | `io::Result<()>` |
//! | [`Read`], [`Readv`] | pread(2), preadv(2) | `BufResult<usize, B>` |
//! | [`Write`], [`Writev`] | pwrite(2), pwritev(2) | `BufResult<usize, B>` |
//! | [`Fsync`] | fsync(2) | `io::Result<()>` |
//! | [`OpenAt`], [`OpenAt2`] | openat(2), openat2(2) | `io::Result<OwnedFd>` |
//! | [`Close`] | close(2) | `io::Result<()>` |
//! | [`Statx`] | statx(2) | `io::Result<`[`Metadata`]`>` |
//! | [`UnlinkAt`], [`MkdirAt`], [`RenameAt`], [`LinkAt`], [`SymlinkAt`] | their own | `io::Result<()>` |
//! | [`Ftruncate`], [`Fallocate`] | ftruncate(2), fallocate(2) | `io::Result<()>` |
//! | [`Socket`] | socket(2) | `io::Result<OwnedFd>` |
//! | [`Bind`], [`Listen`], [`Connect`], [`Shutdown`] | their own | `io::Result<()>` |
//! | [`Accept`] | accept4(2) | `io::Result<(OwnedFd, SockAddr)>` |
//! | [`Recv`], [`Send`] | recv(2), send(2) | `BufResult<usize, B>` |
//! | [`RecvMsg`], [`SendMsg`] | recvmsg(2), sendmsg(2) | `BufResult<Received, V>`, `BufResult<usize, V>` |
//! | [`PollAdd`] | poll(2) | `io::Result<u32>` |
//! | [`AsyncCancel`], [`MsgRing`], [`Timeout`] | io_uring_enter(2) | `io::Result<..>` |
//!
//! An op believes the result it is given, so only the lane, which knows whose result it is, hands it one:
//!
//! ```compile_fail,E0133
//! use ringmesh_op::{OpCode, Res, SharedFd, ops::Read};
//!
//! fn forge(file: &SharedFd) {
//!     let read = Read::new(file, Vec::with_capacity(8), 0);
//!     drop(read.complete(Res::new(1 << 20))); // unsafe: nobody has read a million bytes
//! }
//! ```
//!
//! What they have in common:
//!
//! * Everything the kernel may touch lies in the op, which lies in its cell from the push to the terminal CQE.
//! * They take a [`SharedFd`](crate::SharedFd) and keep its inner reference, so that the descriptor is closed after
//!   the last op on it.
//! * Bad input that a constructor can see costs no syscall: ops without buffers refuse it there, ops with buffers
//!   resolve to the error and give the buffer back.
//! * A signal never surfaces: `EINTR` and the kernel's restart codes submit the op again, except for `Close` and
//!   `Connect`, which must not be repeated.
//! * Descriptors should be blocking. On one with `O_NONBLOCK` set io_uring does not wait, and the `EAGAIN` that a
//!   caller asked for by setting it is what the caller gets.

mod accept;
mod async_cancel;
mod bind;
mod close;
mod connect;
pub(crate) mod early;
mod fallocate;
mod fsync;
mod ftruncate;
pub(crate) mod iovecs;
mod linkat;
mod listen;
mod mkdirat;
mod msg_ring;
mod name;
mod nop;
mod openat;
mod openat2;
mod path;
pub(crate) mod poll_add;
mod read;
mod readv;
pub(crate) mod recv;
mod recvmsg;
mod renameat;
mod send;
mod sendmsg;
mod shutdown;
mod socket;
mod statx;
mod symlinkat;
mod timeout;
mod unlinkat;
mod write;
mod writev;

pub use accept::{Accept, Drawer};
pub use async_cancel::AsyncCancel;
pub use bind::Bind;
pub use close::Close;
pub use connect::Connect;
pub use fallocate::Fallocate;
pub use fsync::Fsync;
pub use ftruncate::Ftruncate;
pub use linkat::LinkAt;
pub use listen::Listen;
pub use mkdirat::MkdirAt;
pub use msg_ring::MsgRing;
pub use nop::Nop;
pub use openat::OpenAt;
pub(crate) use openat::new_fd;
pub use openat2::OpenAt2;
pub use poll_add::PollAdd;
pub use read::{Read, ReadHints};
pub use readv::Readv;
pub use recv::Recv;
pub use recvmsg::{Received, RecvMsg};
pub use renameat::RenameAt;
pub use send::Send;
pub use sendmsg::SendMsg;
pub use shutdown::Shutdown;
pub use socket::Socket;
pub use statx::{Metadata, Statx};
pub use symlinkat::SymlinkAt;
pub use timeout::Timeout;
pub use unlinkat::UnlinkAt;
pub use write::Write;
pub use writev::Writev;
