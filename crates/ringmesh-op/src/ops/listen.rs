//! `IORING_OP_LISTEN`: let a socket take connections.
//!
//! **What the kernel sees** (listen(2); Linux 6.11)
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_LISTEN` | |
//! | `fd` | the socket | |
//! | `len` | the backlog | the kernel takes at most `net.core.somaxconn` of it |
//!
//! **How it completes.** With 0 or an errno, in the enter that submits it. A kernel without the opcode is asked with
//! listen(2) at the first poll, which waits for nothing.
//!
//! **When dropped in flight.** Nothing to give back.

use std::io;

use ringmesh_sys::{Capabilities, Sqe, opcode};

use super::{bind::res_of_call, early::restart_interrupted};
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Makes a bound socket a listener.
#[derive(Debug)]
#[doc(alias = "IORING_OP_LISTEN")]
pub struct Listen {
    fd: FdRef,
    backlog: u32,
}

impl Listen {
    /// Listens with room for `backlog` connections that nobody has accepted yet.
    pub fn new(fd: &SharedFd, backlog: u32) -> Self {
        Self {
            fd: fd.inner(),
            backlog: backlog.min(i32::MAX as u32),
        }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for Listen {
    type Output = io::Result<()>;
    const NAME: &'static str = "listen";
    const KIND: u8 = opcode::LISTEN;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::LISTEN,
            fd: self.fd.raw(),
            len: self.backlog,
            ..Sqe::default()
        }
    }

    fn try_inline(&mut self, _cfg: &Config) -> Option<Res> {
        if Capabilities::probe().has_opcode(opcode::LISTEN) {
            return None;
        }
        // SAFETY: listen(2) takes no pointer.
        let rc = unsafe { libc::listen(self.fd.raw(), self.backlog as i32) };
        Some(res_of_call(rc))
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
