//! `IORING_OP_ACCEPT`: take one connection from a listener.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_ACCEPT"; accept4(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_ACCEPT` | |
//! | `fd` | the listener | |
//! | `addr` | room for the peer's address, inside the op | |
//! | `off` | a `socklen_t` inside the op: the room, then the address's length | `addr2` |
//! | `op_flags` | `SOCK_CLOEXEC` | `accept_flags`; the connection is left blocking, see [`Socket`](super::Socket) |
//! | `ioprio` | 0 | `IORING_ACCEPT_MULTISHOT` is [`multishot`](crate::multishot)'s |
//!
//! **How it completes.** With a descriptor once a client has connected, or an errno: `EMFILE` and `ENFILE` leave the
//! connection in the listener's queue, `ECONNABORTED` says that a client left it.
//!
//! **When dropped in flight.** A cancel is sent, but a connection may have been taken before it arrives. It goes into
//! the [`Drawer`] that was given to [`Accept::with_drawer`], from which the listener's next accept takes it (P3);
//! without a drawer it is closed.
//! An accept that ends without a connection tells the drawer so, because of a kernel fact (6.18): of several accepts that
//! wait on one listener a connection wakes one (`EPOLLEXCLUSIVE`), and if that one is cancelled before it got to take the
//! connection, the others sleep on beside it. Whoever waits must then ask anew ([`Drawer::ended`]).

use std::{fmt, io, os::fd::OwnedFd, sync::Arc};

use ringmesh_sys::{Sqe, opcode};
use socket2::SockAddr;

use super::{early::restart_interrupted, name::Name, openat::new_fd};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res, Resume},
};

/// Where connections go that came for an accept which nobody awaits any more.
pub trait Drawer: Send + Sync + 'static {
    /// Takes a connection; `None` if its peer's address has to be asked for (a multishot accept has no room for one).
    ///
    /// Called where the completion was reaped or where the future was dropped, under no lock of this crate: it may
    /// wake tasks, and must not block.
    fn put(&self, connection: OwnedFd, peer: Option<SockAddr>);

    /// An accept that nobody awaits any more has ended without a connection, or a multishot accept has given up.
    ///
    /// It may have eaten the wake-up of one that is still in the backlog: the kernel wakes a single waiting accept
    /// (`EPOLLEXCLUSIVE`), and a cancel that is faster than that accept's task work leaves the others asleep (seen on
    /// 6.18). Whoever else waits on the listener must issue its accept anew.
    fn ended(&self) {}
}

/// Accepts one connection.
#[doc(alias = "IORING_OP_ACCEPT")]
pub struct Accept {
    fd: FdRef,
    peer: Name,
    drawer: Option<Arc<dyn Drawer>>,
}

impl Accept {
    /// Accepts from `listener`; a connection that comes after this op was dropped is closed.
    pub fn new(listener: &SharedFd) -> Self {
        Self {
            fd: listener.inner(),
            peer: Name::new(),
            drawer: None,
        }
    }

    /// Accepts from `listener`; a connection that comes after this op was dropped goes into `drawer`.
    pub fn with_drawer(listener: &SharedFd, drawer: Arc<dyn Drawer>) -> Self {
        Self {
            drawer: Some(drawer),
            ..Self::new(listener)
        }
    }
}

// SAFETY: `addr` and `off` point at the address room and its length inside the op: valid, and untouched by us, as long
// as the op is not moved, which the contract of `sqe` promises until the terminal CQE.
unsafe impl OpCode for Accept {
    type Output = io::Result<(OwnedFd, SockAddr)>;
    const NAME: &'static str = "accept";
    const KIND: u8 = opcode::ACCEPT;

    fn sqe(&mut self) -> Sqe {
        let (storage, len) = self.peer.pointers();
        Sqe {
            opcode: opcode::ACCEPT,
            fd: self.fd.raw(),
            addr: storage as u64,
            off: len as u64,
            op_flags: libc::SOCK_CLOEXEC as u32,
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        // SAFETY: `res` is the result of this op's own request, and it is told once (contract of `complete`).
        let connection = unsafe { new_fd(res) }?;
        Ok((connection, self.peer.into_addr()))
    }

    unsafe fn orphan(self, res: Res) {
        // SAFETY: as in `complete`.
        let connection = unsafe { new_fd(res) };
        let Some(drawer) = self.drawer else { return };
        match connection {
            Ok(connection) => drawer.put(connection, Some(self.peer.into_addr())),
            Err(_) => drawer.ended(),
        }
    }

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}

impl fmt::Debug for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accept")
            .field("fd", &self.fd)
            .field("drawer", &self.drawer.is_some())
            .finish_non_exhaustive()
    }
}
