//! `IORING_OP_SOCKET`: make a socket.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_SOCKET"; socket(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_SOCKET` | |
//! | `fd` | the domain | a number in a descriptor's place |
//! | `off` | the type, always with `SOCK_CLOEXEC` | |
//! | `len` | the protocol, 0 for the domain's usual one | |
//! | `op_flags` | 0 | reserved |
//!
//! The socket is left blocking: io_uring waits by itself, and on an `O_NONBLOCK` socket it would report `EAGAIN`
//! instead.
//!
//! **How it completes.** With a descriptor, in the enter that submits it.
//!
//! **When dropped in flight.** The socket is closed.

use std::{io, os::fd::OwnedFd};

use ringmesh_sys::{Sqe, opcode};
use socket2::{Domain, Protocol, Type};

use super::{early::restart_interrupted, openat::new_fd};
use crate::opcode::{OpCode, Res, Resume};

/// Makes a socket.
#[derive(Debug)]
#[doc(alias = "IORING_OP_SOCKET")]
pub struct Socket {
    domain: i32,
    kind: i32,
    protocol: i32,
}

impl Socket {
    /// A socket of this domain and type; `None` is the domain's usual protocol.
    pub fn new(domain: Domain, kind: Type, protocol: Option<Protocol>) -> Self {
        let kind = i32::from(kind) | libc::SOCK_CLOEXEC;
        Self {
            domain: domain.into(),
            kind,
            protocol: protocol.map_or(0, i32::from),
        }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for Socket {
    type Output = io::Result<OwnedFd>;
    const NAME: &'static str = "socket";
    const KIND: u8 = opcode::SOCKET;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::SOCKET,
            fd: self.domain,
            off: self.kind as u64,
            len: self.protocol as u32,
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        // SAFETY: `res` is the result of this op's own request, and it is told once (contract of `complete`).
        unsafe { new_fd(res) }
    }

    unsafe fn orphan(self, res: Res) {
        // SAFETY: as in `complete`.
        drop(unsafe { new_fd(res) });
    }
}
