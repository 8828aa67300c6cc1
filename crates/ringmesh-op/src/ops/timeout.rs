//! `IORING_OP_TIMEOUT`: a completion after a while.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_TIMEOUT")
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_TIMEOUT` | |
//! | `fd` | -1 | no file |
//! | `addr` | a `__kernel_timespec` inside the op | |
//! | `len` | 1 | one timespec |
//! | `off` | 0 | do not end after so many other completions |
//! | `op_flags` | 0, or `IORING_TIMEOUT_ETIME_SUCCESS` | `timeout_flags`: relative, on `CLOCK_MONOTONIC` |
//!
//! **How it completes.** With `-ETIME` when the time has come, which is this op's success.
//!
//! Timers of tasks do not come here: `ringmesh_sched::time` keeps them in user space, in O(1), and the parking enter
//! waits for the earliest. This op is for chains ("then wait") and for those who measure the kernel.
//!
//! **When dropped in flight.** Nothing to give back.

use std::{io, time::Duration};

use ringmesh_sys::{Sqe, opcode};

use super::early::restart_interrupted;
use crate::opcode::{OpCode, Res, Resume};

/// `IORING_TIMEOUT_ETIME_SUCCESS` of linux/io_uring.h: in a chain, a timeout that fires is no failure.
const ETIME_SUCCESS: u32 = 1 << 5;

/// Completes after a while.
#[derive(Debug)]
#[doc(alias = "IORING_OP_TIMEOUT")]
pub struct Timeout {
    after: KernelTimespec,
}

/// `struct __kernel_timespec`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct KernelTimespec {
    seconds: i64,
    nanos: i64,
}

impl From<Duration> for KernelTimespec {
    fn from(duration: Duration) -> Self {
        let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self {
            seconds,
            nanos: duration.subsec_nanos().into(),
        }
    }
}

impl Timeout {
    /// Completes `after` this long, counted from its submission.
    pub fn new(after: Duration) -> Self {
        Self {
            after: after.into(),
        }
    }
}

// SAFETY: `addr` is the address of `after` inside the op: valid as long as the op is not moved, which the contract of
// `sqe` promises until the terminal CQE.
unsafe impl OpCode for Timeout {
    type Output = io::Result<()>;
    const NAME: &'static str = "timeout";
    const KIND: u8 = opcode::TIMEOUT;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::TIMEOUT,
            fd: -1,
            addr: &raw const self.after as u64,
            len: 1,
            op_flags: ETIME_SUCCESS,
            ..Sqe::default()
        }
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        if res.result == -libc::ETIME {
            Ok(())
        } else {
            res.io().map(drop)
        }
    }

    unsafe fn orphan(self, _res: Res) {}
}
