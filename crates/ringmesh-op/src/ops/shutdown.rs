//! `IORING_OP_SHUTDOWN`: end one or both directions of a connection.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_SHUTDOWN"; shutdown(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_SHUTDOWN` | |
//! | `fd` | the socket | |
//! | `len` | `SHUT_RD`, `SHUT_WR` or `SHUT_RDWR` | |
//!
//! **How it completes.** With 0 or an errno (`ENOTCONN`: the peer was faster).
//!
//! **Inline.** The kernel always punts this opcode to an io-wq worker (tens of microseconds) although shutdown(2)
//! waits for nobody: it marks the socket and queues a FIN. So the op calls shutdown(2) at its first poll; the SQE is
//! for chains, where "send, then shut down" is one submission.
//!
//! **When dropped in flight.** Nothing to give back.

use std::{io, net};

use ringmesh_sys::{Sqe, opcode};

use super::{bind::res_of_call, early::restart_interrupted};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Shuts a connection down.
#[derive(Debug)]
#[doc(alias = "IORING_OP_SHUTDOWN")]
pub struct Shutdown {
    fd: FdRef,
    how: i32,
}

impl Shutdown {
    /// Ends the given direction of `fd`.
    pub fn new(fd: &SharedFd, how: net::Shutdown) -> Self {
        let how = match how {
            net::Shutdown::Read => libc::SHUT_RD,
            net::Shutdown::Write => libc::SHUT_WR,
            net::Shutdown::Both => libc::SHUT_RDWR,
        };
        Self {
            fd: fd.inner(),
            how,
        }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for Shutdown {
    type Output = io::Result<()>;
    const NAME: &'static str = "shutdown";
    const KIND: u8 = opcode::SHUTDOWN;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::SHUTDOWN,
            fd: self.fd.raw(),
            len: self.how as u32,
            ..Sqe::default()
        }
    }

    fn try_inline(&mut self, _cfg: &Config) -> Option<Res> {
        // SAFETY: shutdown(2) takes no pointer.
        Some(res_of_call(unsafe {
            libc::shutdown(self.fd.raw(), self.how)
        }))
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        res.io().map(drop)
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}
