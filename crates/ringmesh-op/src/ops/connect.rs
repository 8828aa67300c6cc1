//! `IORING_OP_CONNECT`: connect a socket to an address.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_CONNECT"; connect(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_CONNECT` | |
//! | `fd` | the socket | |
//! | `addr` | the address, inside the op | |
//! | `off` | its length | `addr2` |
//!
//! **How it completes.** With 0 once the peer has answered, or an errno. It is never issued twice by us: the second
//! request would be told `EALREADY` or `EISCONN` about the first.
//!
//! **When dropped in flight.** The attempt is cancelled. The socket is then in no state that POSIX defines: close it,
//! do not connect it again (which is how a timed-out connect closes its socket, P21).

use std::io;

use ringmesh_sys::{Sqe, opcode};
use socket2::SockAddr;

use crate::{
    fd::{FdRef, SharedFd},
    opcode::{OpCode, Res},
};

/// Connects a socket.
#[derive(Debug)]
#[doc(alias = "IORING_OP_CONNECT")]
pub struct Connect {
    fd: FdRef,
    addr: SockAddr,
}

impl Connect {
    /// Connects `fd` to `addr`.
    pub fn new(fd: &SharedFd, addr: SockAddr) -> Self {
        Self {
            fd: fd.inner(),
            addr,
        }
    }
}

// SAFETY: `addr` points at the address inside the op: valid as long as the op is not moved, which the contract of
// `sqe` promises until the terminal CQE.
unsafe impl OpCode for Connect {
    type Output = io::Result<()>;
    const NAME: &'static str = "connect";
    const KIND: u8 = opcode::CONNECT;
    /// A second request would be told `EALREADY` about the first.
    const REPEATABLE: bool = false;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::CONNECT,
            fd: self.fd.raw(),
            addr: self.addr.as_ptr() as u64,
            off: self.addr.len().into(),
            ..Sqe::default()
        }
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        res.io().map(drop)
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}
