//! Bounding what an operation may write.

use crate::{IoBuf, IoBufMut};

/// The first `n` bytes of a buffer, as a buffer.
#[derive(Debug)]
pub struct Limit<B> {
    buf: B,
    limit: usize,
}

impl<B> Limit<B> {
    pub(crate) fn new(buf: B, limit: usize) -> Self {
        Self { buf, limit }
    }

    /// The bound in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Gives the whole buffer back.
    pub fn into_inner(self) -> B {
        self.buf
    }

    /// The whole buffer.
    pub fn get_ref(&self) -> &B {
        &self.buf
    }
}

// SAFETY: a head of the inner buffer, whose contract carries over.
unsafe impl<B: IoBuf> IoBuf for Limit<B> {
    fn as_ptr(&self) -> *const u8 {
        self.buf.as_ptr()
    }

    fn len_init(&self) -> usize {
        self.buf.len_init().min(self.limit)
    }
}

// SAFETY: as above; `min` keeps capacity >= length.
unsafe impl<B: IoBufMut> IoBufMut for Limit<B> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.buf.as_mut_ptr()
    }

    fn capacity_total(&self) -> usize {
        self.buf.capacity_total().min(self.limit)
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the caller initialised the first `len` bytes, which are also the inner ones.
        unsafe { self.buf.set_len_init(len) }
    }
}
