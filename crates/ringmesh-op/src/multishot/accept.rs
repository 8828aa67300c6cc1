//! `IORING_OP_ACCEPT`, multishot: every connection of a listener, by one request.
//!
//! **What the kernel sees** (io_uring_prep_multishot_accept(3); Linux 5.19)
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_ACCEPT` | |
//! | `fd` | the listener | |
//! | `addr`, `off` | 0 | no room for an address: one room for all connections would be overwritten, so a connection is asked for its peer |
//! | `op_flags` | `SOCK_CLOEXEC` | `accept_flags` |
//! | `ioprio` | `IORING_ACCEPT_MULTISHOT` | |
//!
//! **How it completes.** With a descriptor in each CQE. What ends an arming: a CQE for which there was no room (again);
//! a client that left the queue, `ECONNABORTED` and what accept(2) lists beside it (again); `EMFILE`, `ENFILE`,
//! `ENOMEM`, `ENOBUFS` (again after a while); anything else is an error of the listener and ends the stream.
//!
//! **When dropped.** Connections that were accepted and not polled for, and those that still come before the cancel
//! arrives, go into the listener's [`Drawer`] (P3); without one they are closed.

use std::{fmt, os::fd::OwnedFd, sync::Arc};

use ringmesh_sys::{Sqe, opcode};

use super::{MultiOp, Verdict};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::Res,
    ops::{Drawer, new_fd},
};

/// `IORING_ACCEPT_MULTISHOT` of linux/io_uring.h.
const MULTISHOT: u16 = 1;

/// Accepts connections until it is dropped.
#[doc(alias = "IORING_OP_ACCEPT")]
#[doc(alias = "IORING_ACCEPT_MULTISHOT")]
pub struct AcceptMulti {
    fd: FdRef,
    drawer: Option<Arc<dyn Drawer>>,
}

impl AcceptMulti {
    /// Accepts from `listener`; connections that nobody polls for go into the drawer, or are closed without one.
    ///
    /// Ask a connection for its peer with `getpeername`, such as `socket2::SockRef::peer_addr`.
    pub fn new(listener: &SharedFd, drawer: Option<Arc<dyn Drawer>>) -> Self {
        Self {
            fd: listener.inner(),
            drawer,
        }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl MultiOp for AcceptMulti {
    type Item = OwnedFd;
    type Place = ();
    const NAME: &'static str = "multishot accept";
    const KIND: u8 = opcode::ACCEPT | 0x80;
    /// Half of the usual backlog of 128.
    const LIMIT: usize = 64;

    fn place(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn sqe(&self, (): &()) -> Sqe {
        Sqe {
            opcode: opcode::ACCEPT,
            fd: self.fd.raw(),
            op_flags: libc::SOCK_CLOEXEC as u32,
            ioprio: MULTISHOT,
            ..Sqe::default()
        }
    }

    unsafe fn item(&self, (): &(), res: Res) -> Option<OwnedFd> {
        // SAFETY: `res` is a CQE's of an accept of ours, and it is told once (contract of `item`).
        unsafe { new_fd(res) }.ok()
    }

    fn verdict(&self, res: Res) -> Verdict {
        match -res.result {
            errno if errno <= 0 => Verdict::Again,
            // A connection that went wrong before we got it (accept(2), "Error handling"): not the listener's fault.
            libc::ECONNABORTED
            | libc::EPROTO
            | libc::EPERM
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ENONET => Verdict::Again,
            errno => Verdict::of_errno(errno),
        }
    }

    fn orphan(&self, connection: OwnedFd) {
        if let Some(drawer) = &self.drawer {
            drawer.put(connection, None);
        }
    }

    fn gave_up(&self) {
        if let Some(drawer) = &self.drawer {
            drawer.ended();
        }
    }

    fn fd(&self) -> &FdRef {
        &self.fd
    }
}

impl fmt::Debug for AcceptMulti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptMulti")
            .field("fd", &self.fd)
            .finish_non_exhaustive()
    }
}
