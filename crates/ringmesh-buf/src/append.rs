//! The spare room behind what a buffer already holds.

use crate::{IoBuf, IoBufMut};

/// The spare capacity of a buffer, as a buffer of its own: what was there is kept. Behind every `read_append`.
///
/// It never grows the buffer: reserve first. A buffer of fixed length has no spare capacity.
///
/// ```
/// use ringmesh_buf::{Append, IoBufMut};
///
/// let mut buf = Vec::with_capacity(16);
/// buf.extend_from_slice(b"one ");
/// let mut tail = Append::new(buf);
/// tail.put_slice(b"two");
/// assert_eq!(tail.into_inner(), b"one two");
/// ```
#[derive(Debug, Clone)]
pub struct Append<B> {
    buf: B,
    /// # Safety
    ///
    /// `begin <= buf.len_init()` from the constructor on: only `set_len_init` changes the buffer, never below `begin`.
    begin: usize,
}

impl<B: IoBufMut> Append<B> {
    /// The room behind the bytes that `buf` holds now.
    pub fn new(buf: B) -> Self {
        let begin = buf.len_init();
        Self { buf, begin }
    }
}

impl<B> Append<B> {
    /// How many bytes the buffer held at the start.
    pub fn begin(&self) -> usize {
        self.begin
    }

    /// The whole buffer.
    pub fn get_ref(&self) -> &B {
        &self.buf
    }

    /// Gives the whole buffer back: what it held, and what was appended.
    pub fn into_inner(self) -> B {
        self.buf
    }
}

// SAFETY: the part of the inner buffer from `begin` on; begin <= len_init (invariant).
unsafe impl<B: IoBufMut> IoBuf for Append<B> {
    fn as_ptr(&self) -> *const u8 {
        // SAFETY: begin <= len_init, so the sum is inside the inner buffer or one past its end.
        unsafe { self.buf.as_ptr().add(self.begin) }
    }

    fn len_init(&self) -> usize {
        self.buf.len_init() - self.begin
    }
}

// SAFETY: as above; begin <= len_init <= capacity_total. Of a fixed-length buffer nothing is left: both are zero.
unsafe impl<B: IoBufMut> IoBufMut for Append<B> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        // SAFETY: begin <= len_init <= capacity_total, so the sum is inside the inner buffer or one past its end.
        unsafe { self.buf.as_mut_ptr().add(self.begin) }
    }

    fn capacity_total(&self) -> usize {
        self.buf.capacity_total() - self.begin
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the first `begin` bytes are initialised (invariant), the next `len` are by the caller's promise, and
        // len <= capacity_total() here gives begin + len <= the inner capacity.
        unsafe { self.buf.set_len_init(self.begin + len) };
    }
}
