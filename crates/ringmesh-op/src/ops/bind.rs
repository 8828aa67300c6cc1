//! `IORING_OP_BIND`: give a socket its local address.
//!
//! **What the kernel sees** (bind(2); Linux 6.11)
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_BIND` | |
//! | `fd` | the socket | |
//! | `addr` | the address, inside the op | |
//! | `off` | its length | `addr2` |
//!
//! **How it completes.** With 0 or an errno, in the enter that submits it. A kernel without the opcode is asked with
//! bind(2) at the first poll: neither waits for anything but, for a path, the file system.
//!
//! **When dropped in flight.** Nothing to give back; the socket may be bound or not.

use std::io;

use ringmesh_sys::{Capabilities, Sqe, opcode};
use socket2::SockAddr;

use super::early::restart_interrupted;
use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
};

/// Binds a socket.
#[derive(Debug)]
#[doc(alias = "IORING_OP_BIND")]
pub struct Bind {
    fd: FdRef,
    addr: SockAddr,
}

impl Bind {
    /// Binds `fd` to `addr`.
    pub fn new(fd: &SharedFd, addr: SockAddr) -> Self {
        Self {
            fd: fd.inner(),
            addr,
        }
    }
}

// SAFETY: `addr` points at the address inside the op: valid as long as the op is not moved, which the contract of
// `sqe` promises until the terminal CQE.
unsafe impl OpCode for Bind {
    type Output = io::Result<()>;
    const NAME: &'static str = "bind";
    const KIND: u8 = opcode::BIND;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::BIND,
            fd: self.fd.raw(),
            addr: self.addr.as_ptr() as u64,
            off: self.addr.len().into(),
            ..Sqe::default()
        }
    }

    fn try_inline(&mut self, _cfg: &Config) -> Option<Res> {
        if Capabilities::probe().has_opcode(opcode::BIND) {
            return None;
        }
        // SAFETY: pointer and length are those of `self.addr`, which the kernel only reads, during the call.
        let rc = unsafe { libc::bind(self.fd.raw(), self.addr.as_ptr().cast(), self.addr.len()) };
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

/// A syscall's return value as the ring would have reported it.
pub(super) fn res_of_call(rc: libc::c_int) -> Res {
    if rc >= 0 {
        return Res::new(rc);
    }
    Res::err(
        io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO),
    )
}
