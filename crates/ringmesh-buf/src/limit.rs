//! A bound on a buffer.

use crate::{IoBuf, IoBufMut};

/// At most the first `max` bytes of a buffer. Made by [`IoBufMut::limit`].
///
/// ```
/// use ringmesh_buf::IoBufMut;
///
/// let mut buf = Vec::with_capacity(64).limit(3);
/// assert_eq!(buf.put_slice(b"hello"), 3);
/// assert_eq!(buf.into_inner(), b"hel");
/// ```
#[derive(Debug, Clone)]
pub struct Limit<B> {
    buf: B,
    max: usize,
}

impl<B> Limit<B> {
    /// Bounds `buf` to `max` bytes.
    pub fn new(buf: B, max: usize) -> Self {
        Self { buf, max }
    }

    /// The bound.
    pub fn max(&self) -> usize {
        self.max
    }

    /// The buffer.
    pub fn get_ref(&self) -> &B {
        &self.buf
    }

    /// Gives the buffer back without its bound.
    pub fn into_inner(self) -> B {
        self.buf
    }
}

// SAFETY: the first bytes of what the inner buffer promises.
unsafe impl<B: IoBuf> IoBuf for Limit<B> {
    fn as_ptr(&self) -> *const u8 {
        self.buf.as_ptr()
    }

    fn len_init(&self) -> usize {
        self.buf.len_init().min(self.max)
    }
}

// SAFETY: the first bytes of what the inner buffer promises; of a fixed-length one len_init and capacity are cut alike.
unsafe impl<B: IoBufMut> IoBufMut for Limit<B> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.buf.as_mut_ptr()
    }

    fn capacity_total(&self) -> usize {
        self.buf.capacity_total().min(self.max)
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the caller's promise, and capacity_total() here is at most the inner one.
        unsafe { self.buf.set_len_init(len) };
    }
}
