//! Answers that are known before the kernel is asked.
//!
//! A buffer op's constructor cannot fail: the caller's buffer has to come back, and the place where it comes
//! back is the future's output. So a constructor that finds bad input (an offset past `i64::MAX`, a read with no
//! room) keeps what it found as an [`Early`], and the op answers it
//! * in `try_inline`, at the first poll, without a syscall: the normal way;
//! * in `sqe`, where nobody asked `try_inline` (a chain pushes its SQEs whole), with a request that has the same effect:
//!   a NOP for "nothing to do", an FSYNC of no descriptor for bad input, which fails when it is its turn and so stops
//!   the chain there (an invalid opcode would be found at submission and cancel the steps before it as well);
//! * in `complete`, as the error whose text says what was wrong.

use std::io;

use ringmesh_sys::{Sqe, opcode};

use crate::opcode::{Res, Resume};

/// The most bytes the kernel moves in one read or write (`MAX_RW_COUNT`, read(2) "NOTES"): longer buffers are
/// clipped to it, which makes the op short, never wrong.
const RW_BYTES_MAX: usize = 0x7fff_f000;

/// An answer that needs no kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Early {
    /// There is nothing to do: `Ok(0)`.
    Nothing,
    /// The request makes no sense, and this says why: `InvalidInput`.
    Invalid(&'static str),
}

impl Early {
    /// A read that has no room to put a byte: `Ok(0)` would look like the end of the file.
    pub(crate) const NO_ROOM: Self = Self::Invalid(
        "the buffer has no room: a read into it could only look like the end of the data",
    );
    /// An offset that `loff_t` cannot hold.
    pub(crate) const OFFSET: Self =
        Self::Invalid("the offset is past i64::MAX, the largest a file can have");

    /// The offset's verdict, if it is beyond what the kernel's `loff_t` holds (io_uring would take `u64::MAX` for
    /// "the current position").
    pub(crate) fn of_offset(offset: u64) -> Option<Self> {
        (offset > i64::MAX as u64).then_some(Self::OFFSET)
    }

    /// The result that stands for this answer.
    pub(crate) fn res(self) -> Res {
        match self {
            Self::Nothing => Res::new(0),
            Self::Invalid(_) => Res::err(libc::EINVAL),
        }
    }

    /// A request that succeeds or fails in the same way and touches nothing.
    pub(crate) fn sqe(self) -> Sqe {
        let opcode = match self {
            Self::Nothing => opcode::NOP,
            Self::Invalid(_) => opcode::FSYNC,
        };
        Sqe {
            opcode,
            fd: -1,
            ..Sqe::default()
        }
    }
}

/// The byte count of a finished op, or its error: the early one in words, the kernel's with its errno.
pub(crate) fn byte_count(early: Option<Early>, res: Res) -> io::Result<usize> {
    match early {
        Some(Early::Invalid(why)) => Err(io::Error::new(io::ErrorKind::InvalidInput, why)),
        Some(Early::Nothing) | None => res.io().map(|n| n as usize),
    }
}

/// A buffer length as an SQE's `len`, clipped to what the kernel moves at once.
pub(crate) fn clip(len: usize) -> u32 {
    u32::try_from(len.min(RW_BYTES_MAX)).unwrap_or(u32::MAX)
}

/// Asks for the op once more if a signal got in its way.
///
/// `-EINTR` and the kernel's own restart codes (-512 .. -516, which io-wq can let slip) say that nothing was
/// transferred. Every op that may be issued twice calls this; `Close` and `Connect`, which may not, do not. An op
/// whose cancel was asked for never gets here.
pub(crate) fn restart_interrupted(res: Res) -> Resume {
    if res.is_interrupted() {
        Resume::Again
    } else {
        Resume::Done(res)
    }
}
