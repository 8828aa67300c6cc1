//! Reading into spare capacity.

use crate::{IoBuf, IoBufMut};

/// A buffer that is read into behind the bytes it holds already.
///
/// As a buffer it is the spare capacity alone: its length counts what was appended.
#[derive(Debug)]
pub struct Append<B> {
    buf: B,
    /// Where the spare capacity began when the wrapper was made; `<= buf.capacity_total()`.
    begin: usize,
}

impl<B: IoBufMut> Append<B> {
    /// Appends behind `buf.len_init()`.
    pub fn new(buf: B) -> Self {
        let begin = buf.len_init();
        Self { buf, begin }
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

// SAFETY: a tail of the inner buffer, whose contract carries over; `begin <= len_init` of the
// inner one at every time, since only `set_len_init` changes it, and never below `begin`.
unsafe impl<B: IoBufMut> IoBuf for Append<B> {
    fn as_ptr(&self) -> *const u8 {
        self.buf.as_ptr().wrapping_add(self.begin)
    }

    fn len_init(&self) -> usize {
        self.buf.len_init() - self.begin
    }
}

// SAFETY: as above; the tail ends where the inner capacity ends.
unsafe impl<B: IoBufMut> IoBufMut for Append<B> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.buf.as_mut_ptr().wrapping_add(self.begin)
    }

    fn capacity_total(&self) -> usize {
        self.buf.capacity_total() - self.begin
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the caller initialised `len` bytes of the tail; the `begin` bytes before it were
        // initialised when the wrapper was made.
        unsafe { self.buf.set_len_init(self.begin + len) }
    }
}
