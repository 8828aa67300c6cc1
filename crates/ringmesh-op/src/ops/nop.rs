//! `IORING_OP_NOP`: a request that does nothing, and tells how long a round through the ring takes.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_NOP")
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_NOP` | |
//! | `fd` | -1 | a NOP has no file |
//!
//! **How it completes.** In the enter that submits it, with result 0.
//!
//! **When dropped in flight.** There is nothing to give back.

use std::io;

use ringmesh_sys::{Sqe, opcode};

use super::early::restart_interrupted;
use crate::opcode::{OpCode, Res, Resume};

/// Goes to the kernel and back.
///
/// Use it to measure the ring, or to wait until what was pushed before it has been submitted.
#[derive(Debug, Default)]
#[doc(alias = "IORING_OP_NOP")]
pub struct Nop(());

impl Nop {
    /// A NOP.
    pub fn new() -> Self {
        Self(())
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for Nop {
    type Output = io::Result<()>;
    const NAME: &'static str = "nop";
    const KIND: u8 = opcode::NOP;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::NOP,
            fd: -1,
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        res.io().map(drop)
    }

    unsafe fn orphan(self, _res: Res) {}
}
