//! `IORING_OP_CLOSE`: close a descriptor without waiting for its file system.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_CLOSE"; close(2))
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_CLOSE` | |
//! | `fd` | the descriptor | |
//!
//! **How it completes.** With 0, or the error of the file system's flush. The descriptor is gone in both cases, as
//! with close(2) on Linux, and for that reason a close is never issued twice, whatever the result says: the number may
//! belong to somebody else by then. The one exception is a request that the kernel never began with (`ECANCELED`, also
//! when our own time limit was the reason): the descriptor is still ours, and dropping it closes it.
//!
//! For sockets close(2) is cheaper (2.7-3.0 us against 3.4 us measured); files can flush in it, so they come here.
//!
//! **When dropped in flight.** The close goes on; a cancelled one closes on drop.

use std::{
    io,
    os::fd::{AsRawFd, IntoRawFd, OwnedFd},
};

use ringmesh_sys::{Sqe, opcode};

use crate::opcode::{OpCode, Res};

/// Closes a descriptor and reports what the file system says to it.
#[derive(Debug)]
#[doc(alias = "IORING_OP_CLOSE")]
pub struct Close {
    fd: OwnedFd,
}

impl Close {
    /// Takes the descriptor to close it. Nothing else may have an op in flight on it: that is what
    /// [`SharedFd`](crate::SharedFd) takes care of.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Drops the number if the kernel has taken the descriptor, closes it if not.
    fn settle(self, res: Res) {
        if !res.never_ran() {
            let _gone = self.fd.into_raw_fd();
        }
    }
}

// SAFETY: the SQE holds no pointer.
unsafe impl OpCode for Close {
    type Output = io::Result<()>;
    const NAME: &'static str = "close";
    const KIND: u8 = opcode::CLOSE;

    fn sqe(&mut self) -> Sqe {
        Sqe {
            opcode: opcode::CLOSE,
            fd: self.fd.as_raw_fd(),
            ..Sqe::default()
        }
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        self.settle(res);
        // An interrupted flush still closed the descriptor: there is nothing to repeat and nothing to tell.
        if res.is_interrupted() {
            Ok(())
        } else {
            res.io().map(drop)
        }
    }

    unsafe fn orphan(self, res: Res) {
        self.settle(res);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{PipeReader, Read as _},
        os::fd::FromRawFd,
    };

    use super::*;

    fn close_of_a_pipe() -> (PipeReader, Close) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, Close::new(writer.into()))
    }

    #[test]
    fn a_close_that_never_ran_closes_when_it_is_dropped() {
        for res in [Res::cancelled(), Res::timed_out()] {
            let (mut reader, close) = close_of_a_pipe();
            // SAFETY: an errno in the place of a result: the close was not submitted.
            let error = unsafe { close.complete(res) }.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(-res.result));
            assert_eq!(reader.read(&mut [0]).unwrap(), 0, "the last writer is gone");
        }
    }

    #[test]
    fn a_close_that_failed_has_closed() {
        for errno in [libc::EIO, libc::EINTR, libc::ETIMEDOUT, 512] {
            let (_reader, close) = close_of_a_pipe();
            let number = close.fd.as_raw_fd();
            // SAFETY: the kernel says this when it has closed the descriptor; here nobody has, so it is done below.
            let result = unsafe { close.complete(Res::err(errno)) };
            assert_eq!(result.is_ok(), Res::err(errno).is_interrupted());
            // SAFETY: the op let go of the number without closing it. (Had it closed it, this would abort.)
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}
