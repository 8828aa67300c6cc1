//! The two traits of a single buffer.

use std::ops::RangeBounds;

use crate::{Limit, Slice};

/// A buffer that the kernel can read from: an owned run of initialised bytes.
///
/// # Safety
///
/// The implementor promises, for a value that is not moved, not mutated and not dropped:
///
/// 1. [`as_ptr`](Self::as_ptr) points to [`len_init`](Self::len_init) initialised bytes that stay
///    valid, at that address, and that nobody writes to;
/// 2. both may be called any number of times and give the same answer.
///
/// The address need not survive a move: an operation first places the buffer in its own heap
/// cell, then reads pointer and length once, and moves the buffer only after its terminal
/// completion.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owned buffer that an operation can send from",
    label = "not an owned buffer",
    note = "ring operations take buffers by value: instead of `write(&buf)` write \
            `let (n, buf) = write(buf).await?` with a Vec<u8>, Box<[u8]>, [u8; N], String, \
            &'static [u8] or Bytes"
)]
pub unsafe trait IoBuf: Send + 'static {
    /// Where the bytes begin.
    fn as_ptr(&self) -> *const u8;

    /// How many bytes from [`as_ptr`](Self::as_ptr) on are initialised.
    fn len_init(&self) -> usize;

    /// The initialised bytes.
    fn as_slice(&self) -> &[u8] {
        // SAFETY: by the contract the pointer is valid for `len_init` initialised bytes for as
        // long as `self` is borrowed, and nobody writes to them meanwhile.
        unsafe { std::slice::from_raw_parts(self.as_ptr(), self.len_init()) }
    }

    /// Narrows the buffer to `range` of its initialised bytes; [`Slice::into_inner`] gives the
    /// whole back.
    ///
    /// # Panics
    ///
    /// If the range does not lie within the initialised bytes. (A buffer that is to be read into
    /// may be sliced up to its capacity: [`Slice::new_mut`].)
    fn slice(self, range: impl RangeBounds<usize>) -> Slice<Self>
    where
        Self: Sized,
    {
        Slice::new(self, range)
    }
}

/// A buffer that the kernel can write into.
///
/// # Safety
///
/// In addition to the contract of [`IoBuf`], for a value that is not moved or dropped:
///
/// 1. [`as_mut_ptr`](Self::as_mut_ptr) is the same address as [`as_ptr`](IoBuf::as_ptr) and is
///    valid for writes of [`capacity_total`](Self::capacity_total) bytes, by nobody else;
/// 2. `capacity_total() >= len_init()`;
/// 3. [`set_len_init`](Self::set_len_init) never moves the bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owned buffer that an operation can read into",
    label = "not an owned mutable buffer",
    note = "ring operations take buffers by value: instead of `read(&mut buf)` write \
            `let (n, buf) = read(buf).await?` with a Vec<u8> (its capacity is filled), Box<[u8]>, \
            [u8; N] or BytesMut"
)]
pub unsafe trait IoBufMut: IoBuf {
    /// Where to write, from the start of the buffer.
    fn as_mut_ptr(&mut self) -> *mut u8;

    /// How many bytes may be written from [`as_mut_ptr`](Self::as_mut_ptr) on, initialised or not.
    fn capacity_total(&self) -> usize;

    /// Says that the first `len` bytes are initialised. Growable buffers then have exactly that
    /// length; buffers of fixed length keep theirs.
    ///
    /// # Safety
    ///
    /// The first `len` bytes are initialised, and `len <= capacity_total()`.
    unsafe fn set_len_init(&mut self, len: usize);

    /// Copies as much of `bytes` as there is room for to the start of the buffer, with the length
    /// rules of a read, and returns how many bytes that were.
    fn put_slice(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.capacity_total());
        let to = self.as_mut_ptr();
        // SAFETY: `to` is valid for `capacity_total() >= n` bytes by the contract; `bytes` is a
        // shared borrow, which cannot overlap the exclusively borrowed buffer.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, n) };
        // SAFETY: the first `n` bytes were just written, and `n <= capacity_total()`.
        unsafe { self.set_len_init(n) };
        n
    }

    /// Bounds what an operation may write to the first `n` bytes; [`Limit::into_inner`] gives the
    /// whole buffer back.
    fn limit(self, n: usize) -> Limit<Self>
    where
        Self: Sized,
    {
        Limit::new(self, n)
    }
}
