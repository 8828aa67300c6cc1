//! A range of a buffer.

use std::ops::{Bound, Deref, RangeBounds};

use crate::{IoBuf, IoBufMut};

/// The bytes `begin..end` of a buffer, as a buffer; [`into_inner`](Self::into_inner) gives the
/// whole back.
#[derive(Debug)]
pub struct Slice<B> {
    buf: B,
    /// `begin <= len_init` of the inner buffer when the slice was made.
    begin: usize,
    /// `begin <= end <= capacity` (or length, of a buffer that is only read).
    end: usize,
}

impl<B: IoBuf> Slice<B> {
    /// Narrows `buf` to `range` of its initialised bytes.
    ///
    /// # Panics
    ///
    /// If the range does not lie within the initialised bytes.
    pub fn new(buf: B, range: impl RangeBounds<usize>) -> Self {
        let len = buf.len_init();
        Self::within(buf, range, len, len)
    }

    fn within(buf: B, range: impl RangeBounds<usize>, whole: usize, most: usize) -> Self {
        let begin = match range.start_bound() {
            Bound::Included(&n) => n,
            Bound::Excluded(&n) => n + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&n) => n + 1,
            Bound::Excluded(&n) => n,
            Bound::Unbounded => whole,
        };
        let len = buf.len_init();
        assert!(
            begin <= end && begin <= len && end <= most,
            "slice {begin}..{end} does not lie within a buffer of {len} bytes (capacity {most})"
        );
        Self { buf, begin, end }
    }
}

impl<B: IoBufMut> Slice<B> {
    /// Narrows `buf` to a range to read into, which may reach past the initialised bytes up to the
    /// capacity; without an end it reaches up to the capacity.
    ///
    /// # Panics
    ///
    /// If the range begins behind the initialised bytes or ends behind the capacity.
    pub fn new_mut(buf: B, range: impl RangeBounds<usize>) -> Self {
        let capacity = buf.capacity_total();
        Self::within(buf, range, capacity, capacity)
    }
}

impl<B> Slice<B> {
    /// Where the slice begins in the whole buffer.
    pub fn begin(&self) -> usize {
        self.begin
    }

    /// Where the slice ends in the whole buffer.
    pub fn end(&self) -> usize {
        self.end
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

impl<B: IoBuf> Deref for Slice<B> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

// SAFETY: a part of the inner buffer, whose contract carries over. `begin <= len_init` held when
// the slice was made and the inner buffer changes only through `set_len_init` below, which never
// goes under `begin`; the saturating subtraction covers a range that is not filled yet.
unsafe impl<B: IoBuf> IoBuf for Slice<B> {
    fn as_ptr(&self) -> *const u8 {
        self.buf.as_ptr().wrapping_add(self.begin)
    }

    fn len_init(&self) -> usize {
        self.buf.len_init().min(self.end).saturating_sub(self.begin)
    }
}

// SAFETY: as above; `end <= capacity_total` of the inner buffer.
unsafe impl<B: IoBufMut> IoBufMut for Slice<B> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.buf.as_mut_ptr().wrapping_add(self.begin)
    }

    fn capacity_total(&self) -> usize {
        self.buf.capacity_total().min(self.end) - self.begin
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the caller initialised `len` bytes from `begin` on; those before it were
        // initialised when the slice was made.
        unsafe { self.buf.set_len_init(self.begin + len) }
    }
}
