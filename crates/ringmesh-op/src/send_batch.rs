//! `IORING_OP_SENDMSG` for a queue: several writers' buffers as one send.
//!
//! About 3 us of TCP go into every send, however small, so a socket's queued writes leave as one SENDMSG (4x measured
//! on a stream of 4 KiB frames). The buffers are of different types: each is boxed as an [`AnyBuf`] and comes back in
//! its place, so that the queue's owner can hand every writer its own.
//!
//! **What the kernel sees** (io_uring_enter(2), "IORING_OP_SENDMSG")
//!
//! | field | value | why |
//! |---|---|---|
//! | `opcode` | `IORING_OP_SENDMSG` | |
//! | `fd` | the socket | |
//! | `addr` | a `msghdr` inside the op | its `msg_iov` lists the buffers' parts, less the bytes that an earlier send took |
//! | `len` | 1 | one message |
//! | `op_flags` | `MSG_NOSIGNAL` | no `MSG_WAITALL`: it would swallow the error after a partial send |
//!
//! **How it completes.** With the number of bytes taken, counted behind `skip`, and all buffers. It may end inside any
//! of them, and does so at the latest behind the 1024th part (`UIO_MAXIOV`).
//!
//! **When dropped in flight.** All, part or none of the bytes may have gone out: a stream that has taken writers'
//! bytes does not drop this op (P24).

use std::{any::Any, fmt, io};

use ringmesh_buf::{IoBuf, IoVecBuf};
use ringmesh_sys::{Sqe, opcode};

use crate::{
    fd::{FdRef, SharedFd},
    opcode::{Config, OpCode, Res, Resume},
    ops::{
        early::{Early, byte_count, restart_interrupted},
        iovecs::{IoVecs, MsgHdr},
    },
};

/// A buffer or list of buffers whose type has been forgotten: [`any_buf`] and [`any_vec`] make one.
///
/// # Safety
///
/// What [`parts`](Self::parts) reports stays readable and unmoved as long as the box is neither dropped nor given to
/// [`into_any`](Self::into_any), also when the box itself moves. `total_len` is the sum of the parts.
pub unsafe trait AnyBuf: Send {
    /// Calls `f` with pointer and length of each part, in order.
    fn parts(&self, f: &mut dyn FnMut(*const u8, usize));

    /// The bytes in all parts.
    fn total_len(&self) -> usize;

    /// The value that was boxed, for a downcast.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl fmt::Debug for dyn AnyBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyBuf")
            .field("total_len", &self.total_len())
            .finish()
    }
}

/// Boxes a buffer; `into_any` gives back a `B`.
pub fn any_buf<B: IoBuf>(buf: B) -> Box<dyn AnyBuf> {
    Box::new(One(buf))
}

/// Boxes a list of buffers; `into_any` gives back a `V`.
pub fn any_vec<V: IoVecBuf>(bufs: V) -> Box<dyn AnyBuf> {
    Box::new(Many(bufs))
}

#[repr(transparent)]
struct One<B>(B);

#[repr(transparent)]
struct Many<V>(V);

/// Turns a boxed wrapper into the boxed value, without another allocation.
///
/// # Safety
///
/// `W` is a `repr(transparent)` wrapper around a `T`.
unsafe fn unwrap_box<W, T>(wrapper: Box<W>) -> Box<T> {
    let value = Box::into_raw(wrapper).cast::<T>();
    // SAFETY: `value` came out of a box of a type with T's layout, whose only field is a valid T.
    unsafe { Box::from_raw(value) }
}

// SAFETY: IoBuf promises a stable pointer while the buffer is not moved, and it lies in the box's heap block, which
// does not move with the box.
unsafe impl<B: IoBuf> AnyBuf for One<B> {
    fn parts(&self, f: &mut dyn FnMut(*const u8, usize)) {
        f(self.0.as_ptr(), self.0.len_init());
    }

    fn total_len(&self) -> usize {
        self.0.len_init()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        // SAFETY: One<B> is transparent.
        unsafe { unwrap_box::<Self, B>(self) }
    }
}

// SAFETY: as for One, with IoVecBuf's promise.
unsafe impl<V: IoVecBuf> AnyBuf for Many<V> {
    fn parts(&self, f: &mut dyn FnMut(*const u8, usize)) {
        self.0.parts(f);
    }

    fn total_len(&self) -> usize {
        self.0.total_len()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        // SAFETY: Many<V> is transparent.
        unsafe { unwrap_box::<Self, V>(self) }
    }
}

/// Sends several buffers of several types over a stream as one message.
#[doc(alias = "IORING_OP_SENDMSG")]
#[derive(Debug)]
pub struct SendBatch {
    fd: FdRef,
    bufs: Vec<Box<dyn AnyBuf>>,
    skip: usize,
    iovecs: IoVecs,
    header: MsgHdr,
    early: Option<Early>,
}

impl SendBatch {
    /// Sends `bufs`, one after the other, without their first `skip` bytes.
    pub fn new(fd: &SharedFd, bufs: Vec<Box<dyn AnyBuf>>, skip: usize) -> Self {
        let total: usize = bufs.iter().map(|buf| buf.total_len()).sum();
        let early = (total <= skip).then_some(Early::Nothing);
        Self {
            fd: fd.inner(),
            bufs,
            skip,
            iovecs: IoVecs::new(),
            header: MsgHdr::new(),
            early,
        }
    }

    /// The parts behind the first `skip` bytes.
    fn rest(&self) -> IoVecs {
        let mut iovecs = IoVecs::new();
        let mut skip = self.skip;
        for buf in &self.bufs {
            buf.parts(&mut |ptr, len| {
                let skipped = skip.min(len);
                skip -= skipped;
                // SAFETY: skipped <= len, so the sum is inside the part or one past its end.
                let ptr = unsafe { ptr.add(skipped) };
                iovecs.push(ptr.cast_mut(), len - skipped);
            });
        }
        iovecs
    }
}

// SAFETY: `addr` is the address of `header` inside the op, which is not moved until the terminal CQE (the contract of
// `sqe`). The header points at the iovec array's heap block, the array into the boxes as AnyBuf promises. The op owns
// all of them and touches none before `complete` or `orphan` consume it.
unsafe impl OpCode for SendBatch {
    /// What the send came to, and always every buffer, in order.
    type Output = (io::Result<usize>, Vec<Box<dyn AnyBuf>>);
    const NAME: &'static str = "send_batch";
    const KIND: u8 = opcode::SENDMSG;

    fn sqe(&mut self) -> Sqe {
        if let Some(early) = self.early {
            return early.sqe();
        }
        self.iovecs = self.rest();
        self.header.set_parts(&mut self.iovecs);
        Sqe {
            opcode: opcode::SENDMSG,
            fd: self.fd.raw(),
            addr: self.header.addr(),
            len: 1,
            op_flags: libc::MSG_NOSIGNAL as u32,
            ..Sqe::default()
        }
    }

    fn try_inline(&mut self, _cfg: &Config) -> Option<Res> {
        self.early.map(Early::res)
    }

    fn resume(&mut self, res: Res) -> Resume {
        restart_interrupted(res)
    }

    unsafe fn complete(self, res: Res) -> Self::Output {
        (byte_count(self.early, res), self.bufs)
    }

    unsafe fn orphan(self, _res: Res) {}

    fn fd(&self) -> Option<&FdRef> {
        Some(&self.fd)
    }
}
