//! A part of a buffer.

use std::ops::{Bound, Deref, RangeBounds};

use crate::{IoBuf, IoBufMut};

/// The bytes `begin..end` of a buffer, as a buffer of their own.
///
/// Made by [`IoBuf::slice`] (a part to write from) and [`IoBufMut::slice_mut`] (a part to read into, which may reach
/// into the spare capacity). Slices of slices work. The whole buffer comes back by [`into_inner`](Self::into_inner).
///
/// A read into a slice of a growable buffer leaves the whole buffer with `len == begin + n`.
///
/// ```
/// use ringmesh_buf::{IoBuf, IoBufMut};
///
/// let part = b"0123456789".to_vec().slice(2..5);
/// assert_eq!(&part[..], b"234");
/// assert_eq!(part.into_inner().len(), 10);
///
/// let mut rest = Vec::from(*b"head").tap_reserve(16).slice_mut(4..);
/// rest.put_slice(b" and tail");
/// assert_eq!(rest.into_inner(), b"head and tail");
/// # trait Tap { fn tap_reserve(self, n: usize) -> Self; }
/// # impl Tap for Vec<u8> { fn tap_reserve(mut self, n: usize) -> Self { self.reserve(n); self } }
/// ```
#[derive(Debug, Clone)]
pub struct Slice<B> {
    buf: B,
    /// # Safety
    ///
    /// `begin <= buf.len_init()` and `begin <= end` hold from the constructor on: nothing but `set_len_init` changes
    /// the buffer, and it never goes below `begin`.
    begin: usize,
    end: usize,
}

impl<B: IoBuf> Slice<B> {
    /// The bytes `begin..end` of `buf`, where `end` may lie anywhere: it is cut to the initialised bytes when the slice
    /// is written from, and to the capacity when it is read into.
    ///
    /// [`IoBuf::slice`] and [`IoBufMut::slice_mut`] check the end as well.
    ///
    /// # Panics
    ///
    /// If `begin > end` or `begin > buf.len_init()`.
    pub fn new(buf: B, begin: usize, end: usize) -> Self {
        let len = buf.len_init();
        assert!(begin <= end, "slice starts at {begin} but ends at {end}");
        assert!(
            begin <= len,
            "slice starts at {begin} but only {len} bytes are initialised"
        );
        Self { buf, begin, end }
    }

    /// The part `range`, which must end at `limit` or before.
    pub(crate) fn within(buf: B, range: impl RangeBounds<usize>, limit: usize) -> Self {
        let begin = match range.start_bound() {
            Bound::Included(&begin) => begin,
            Bound::Excluded(&before) => before.checked_add(1).expect("slice start overflows"),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last.checked_add(1).expect("slice end overflows"),
            Bound::Excluded(&end) => end,
            Bound::Unbounded => limit,
        };
        assert!(
            end <= limit,
            "slice ends at {end} but the buffer at {limit}"
        );
        Self::new(buf, begin, end)
    }
}

impl<B> Slice<B> {
    /// Where the slice starts in the whole buffer.
    pub fn begin(&self) -> usize {
        self.begin
    }

    /// Where the slice was asked to end in the whole buffer.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The whole buffer.
    pub fn get_ref(&self) -> &B {
        &self.buf
    }

    /// Gives the whole buffer back.
    pub fn into_inner(self) -> B {
        self.buf
    }
}

// SAFETY: a part of what the inner buffer promises: begin <= len_init (invariant), and the end is cut to it. The
// wrapper adds no state that changes but through `&mut`.
unsafe impl<B: IoBuf> IoBuf for Slice<B> {
    fn as_ptr(&self) -> *const u8 {
        // SAFETY: begin <= len_init, so the sum is inside the inner buffer's bytes or one past their end.
        unsafe { self.buf.as_ptr().add(self.begin) }
    }

    fn len_init(&self) -> usize {
        self.buf.len_init().min(self.end) - self.begin
    }
}

// SAFETY: a part of the inner buffer's writable bytes: begin <= len_init <= capacity_total, and the end is cut to the
// capacity. Of a fixed-length inner buffer len_init and capacity are cut alike, so they stay equal.
unsafe impl<B: IoBufMut> IoBufMut for Slice<B> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        // SAFETY: begin <= len_init <= capacity_total, so the sum is inside the inner buffer or one past its end.
        unsafe { self.buf.as_mut_ptr().add(self.begin) }
    }

    fn capacity_total(&self) -> usize {
        self.buf.capacity_total().min(self.end) - self.begin
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the first `begin` bytes are initialised (invariant), the next `len` are by the caller's promise, and
        // len <= capacity_total() of the slice gives begin + len <= capacity_total() of the inner buffer.
        unsafe { self.buf.set_len_init(self.begin + len) };
    }
}

impl<B: IoBuf> Deref for Slice<B> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl<B: IoBuf> AsRef<[u8]> for Slice<B> {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}
