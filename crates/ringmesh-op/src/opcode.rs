//! The white box of one operation: how an await becomes an SQE, and what becomes of its CQE.
//!
//! One op is one file in `ops/`. It says what the kernel sees ([`OpCode::sqe`]), how the answer is read
//! ([`OpCode::complete`]) and what happens to the answer when nobody waits for it any more
//! ([`OpCode::orphan`]). There is no generic "ignore the result": whoever writes an op must say what a
//! result that nobody wants means.

use std::io;

use ringmesh_sys::Sqe;

use crate::fd::FdRef;

/// One kind of kernel request, with everything the kernel may touch while it runs.
///
/// The life of a value, with the thread each call happens on:
///
/// 1. [`try_inline`](Self::try_inline), at the first poll, on the polling thread. An answer ends here.
/// 2. The value moves into its heap cell and stays there.
/// 3. [`sqe`](Self::sqe), on the thread of the shard whose ring takes the op.
/// 4. [`resume`](Self::resume), when the terminal CQE was reaped, unless the op was cancelled or dropped:
///    either the result stands, or the op goes back to 3.
/// 5. [`complete`](Self::complete) in the future's poll, or [`orphan`](Self::orphan) if the future is gone.
///
/// # Safety
///
/// Every pointer that [`sqe`](Self::sqe) puts into the SQE must stay valid, for the access the kernel makes
/// through it, from that call until the terminal CQE (the last one, without `F_MORE`), as long as the value
/// is neither moved nor dropped nor touched in between, whatever results arrive. Borrowed memory is never
/// behind such a pointer: the value is `'static`, and `mem::forget` of its future keeps the cell alive.
pub unsafe trait OpCode: Send + 'static {
    /// What the future resolves to.
    type Output: Send + 'static;

    /// The op's name, for traces and `Debug`.
    const NAME: &'static str;

    /// The kind that travels in `user_data` and is checked on every CQE; below [`KIND_DRIVER`](crate::KIND_DRIVER).
    const KIND: u8;

    /// Whether the op may be submitted again after the kernel cancelled it although nobody had asked (io-wq could not start a
    /// worker). Default: yes, such an op did not run.
    const REPEATABLE: bool = true;

    /// Fills the SQE. Called after `self` was placed in its cell, on the shard's thread, once per submission.
    /// `user_data` is filled in by the driver.
    fn sqe(&mut self) -> Sqe;

    /// Answers without the ring if that is possible without blocking, at the first poll.
    ///
    /// Off the shards it is called with [`Config::default`]. Bad arguments are answered here too.
    fn try_inline(&mut self, _cfg: &Config) -> Option<Res> {
        None
    }

    /// Turns the kernel's result into the output. Runs in the future's poll.
    ///
    /// # Safety
    ///
    /// `res` is the terminal result of what this very value submitted last, or what its own
    /// [`try_inline`](Self::try_inline) gave, or an errno in the place of one: counts, descriptors and buffer ids in it are
    /// believed.
    unsafe fn complete(self, res: Res) -> Self::Output;

    /// Takes the result of an op whose future is gone: closes a descriptor, returns a buffer.
    ///
    /// Runs where the terminal CQE was reaped, or on the thread that dropped the future; never under a
    /// lock or borrow of the driver. It must not block and must not panic.
    ///
    /// # Safety
    ///
    /// As [`complete`](Self::complete).
    unsafe fn orphan(self, res: Res);

    /// Looks at a terminal result before the future does: [`Resume::Again`] submits the op once more.
    ///
    /// Not called for ops that were cancelled or whose future was dropped. `EINTR` and the kernel's
    /// restart codes pass here too: an op that is safe to repeat says `Again`. Such a code never reaches a user:
    /// [`Res::io`] reads it as `ECANCELED`.
    fn resume(&mut self, res: Res) -> Resume {
        Resume::Done(res)
    }

    /// The descriptor the op works on: marks the ring for the cancel that the last handle's drop sends.
    fn fd(&self) -> Option<&FdRef> {
        None
    }
}

/// What [`OpCode::resume`] decides about a terminal result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Resume {
    /// The result stands.
    Done(Res),
    /// Submit the op again; [`OpCode::sqe`] is asked anew.
    Again,
}

/// The kernel's answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Res {
    /// The CQE's result: a count or descriptor, or a negative errno.
    pub result: i32,
    /// The CQE's flags (`IORING_CQE_F_*`).
    pub flags: u32,
}

impl Res {
    /// A result without flags.
    #[must_use]
    pub const fn new(result: i32) -> Self {
        Self { result, flags: 0 }
    }

    /// The result of an op that did not happen because of `errno` (positive).
    #[must_use]
    pub const fn err(errno: i32) -> Self {
        Self::new(-errno)
    }

    /// The result of an op that was cancelled before it had an effect.
    #[must_use]
    pub const fn cancelled() -> Self {
        Self::err(libc::ECANCELED)
    }

    /// The result of an op that was cancelled before it had an effect, because its time was over.
    #[must_use]
    pub(crate) const fn timed_out() -> Self {
        Self {
            result: -libc::ETIMEDOUT,
            flags: NEVER_RAN,
        }
    }

    /// Whether the op was cancelled, or stopped by its time limit, before it had an effect.
    #[must_use]
    pub const fn never_ran(self) -> bool {
        self.is_cancelled() || self.flags & NEVER_RAN != 0 && self.result == -libc::ETIMEDOUT
    }

    /// Whether the kernel says that the op was cancelled.
    #[must_use]
    pub const fn is_cancelled(self) -> bool {
        self.result == -libc::ECANCELED
    }

    /// Whether this is `EINTR` or one of the kernel's internal restart codes (-512..=-516), none of which
    /// may reach a user.
    #[must_use]
    pub const fn is_interrupted(self) -> bool {
        self.result == -libc::EINTR || (self.result <= -512 && self.result >= -516)
    }

    /// The provided buffer that the kernel has chosen (`IORING_CQE_F_BUFFER`).
    #[must_use]
    pub const fn buffer_id(self) -> Option<u16> {
        if self.flags & CQE_F_BUFFER != 0 {
            Some((self.flags >> CQE_BUFFER_SHIFT) as u16)
        } else {
            None
        }
    }

    /// Whether the socket held more data than was taken (`IORING_CQE_F_SOCK_NONEMPTY`).
    #[must_use]
    pub const fn sock_nonempty(self) -> bool {
        self.flags & CQE_F_SOCK_NONEMPTY != 0
    }

    /// Whether this is the end of a zero-copy send, which carries no result (`IORING_CQE_F_NOTIF`).
    #[must_use]
    pub const fn is_notif(self) -> bool {
        self.flags & CQE_F_NOTIF != 0
    }

    /// The result as `io::Result`; a restart code that slipped through reads as `ECANCELED`.
    ///
    /// # Errors
    ///
    /// The kernel's errno.
    pub fn io(self) -> io::Result<u32> {
        u32::try_from(self.result).map_err(|_| io::Error::from_raw_os_error(self.errno()))
    }

    fn errno(self) -> i32 {
        if self.is_interrupted() {
            libc::ECANCELED
        } else {
            self.result.wrapping_neg()
        }
    }
}

/// Flags of linux/io_uring.h.
const CQE_F_BUFFER: u32 = 1 << 0;
const CQE_F_SOCK_NONEMPTY: u32 = 1 << 2;
const CQE_F_NOTIF: u32 = 1 << 3;
const CQE_BUFFER_SHIFT: u32 = 16;
/// Ours: `ETIMEDOUT` stands for a cancel. The kernel uses neither this bit nor any near it.
const NEVER_RAN: u32 = 1 << 13;

/// What an op may know about the driver it runs on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Whether file reads that the page cache can serve are answered by `preadv2(RWF_NOWAIT)` in the first
    /// poll. Default: true.
    pub inline_reads: bool,
    /// Whether a send that finds its shard with nothing else to do is tried by `send(2)` in the first poll.
    /// Default: true.
    pub inline_sends: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            inline_reads: true,
            inline_sends: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_codes_read_as_cancelled() {
        for code in [-4, -512, -513, -514, -516] {
            let res = Res::new(code);
            assert!(res.is_interrupted());
            assert_eq!(res.io().unwrap_err().raw_os_error(), Some(libc::ECANCELED));
        }
        assert!(!Res::new(-511).is_interrupted());
        assert!(!Res::new(-517).is_interrupted());
    }

    #[test]
    fn results_keep_their_errno() {
        assert_eq!(Res::new(7).io().unwrap(), 7);
        let err = Res::err(libc::ECONNRESET).io().unwrap_err();
        assert_eq!(err.raw_os_error(), Some(libc::ECONNRESET));
    }
}
