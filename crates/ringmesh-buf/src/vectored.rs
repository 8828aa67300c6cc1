//! Lists of buffers, for one operation over several pieces of memory.

use crate::{IoBuf, IoBufMut};

/// A list of buffers that are written one after the other: what a `write_vectored` takes.
///
/// `Vec<B>`, `Box<[B]>`, `[B; N]` and pairs `(A, B)`.
///
/// # Safety
///
/// The parts are reported in the same order with the same pointers and lengths for as long as the value is neither
/// moved, dropped nor accessed through `&mut`; each part is memory as [`IoBuf`] promises it (initialised, readable,
/// written by nobody); `total_len()` is the sum of the parts' lengths.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to the kernel as a list of buffers",
    label = "not an owned list of owned buffers",
    note = "an operation owns its buffers until the kernel is done with them: pass `Vec<B>`, `[B; N]`, `Box<[B]>` or `(A, B)` of owned buffers by value instead of `&[IoSlice]`"
)]
pub unsafe trait IoVecBuf: Send + 'static {
    /// Calls `f` with pointer and length of each part's initialised bytes, in order.
    fn parts(&self, f: &mut dyn FnMut(*const u8, usize));

    /// The initialised bytes of all parts together.
    fn total_len(&self) -> usize;
}

/// A list of buffers that are filled one after the other: what a `read_vectored` takes.
///
/// # Safety
///
/// As for [`IoVecBuf`]; each part is memory as [`IoBufMut`] promises it (writable over the length that `parts_mut`
/// reports, exclusively owned, disjoint from the others); `parts_mut` reports the parts in the order of `parts`;
/// `set_len_init`, called as its own contract demands, touches no byte and moves no part.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to the kernel as a list of buffers to read into",
    label = "not an owned list of owned, writable buffers",
    note = "an operation owns its buffers until the kernel is done with them: pass `Vec<B>`, `[B; N]`, `Box<[B]>` or `(A, B)` of owned buffers by value instead of `&mut [IoSliceMut]`"
)]
pub unsafe trait IoVecBufMut: IoVecBuf {
    /// Calls `f` with pointer and whole capacity of each part, in order.
    fn parts_mut(&mut self, f: &mut dyn FnMut(*mut u8, usize));

    /// Says that the first `total` bytes, counted through all parts' capacities in order, are initialised now.
    ///
    /// Parts that were reached get their share as their length, parts that were not reached get 0; parts of fixed length
    /// ignore it.
    ///
    /// # Safety
    ///
    /// `total <= total_capacity()`, and the first `total` bytes, counted that way, are initialised.
    unsafe fn set_len_init(&mut self, total: usize);

    /// The room in all parts together.
    fn total_capacity(&mut self) -> usize {
        let mut total = 0usize;
        self.parts_mut(&mut |_, capacity| total = total.saturating_add(capacity));
        total
    }

    /// Copies `bytes` into the parts, as a vectored read would: as much as fits. Returns how much.
    fn put_slice(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        self.parts_mut(&mut |ptr, capacity| {
            let (now, later) = rest.split_at(rest.len().min(capacity));
            if !now.is_empty() {
                // SAFETY: `now` is readable, `ptr` is writable for capacity >= now.len() bytes, and the part is owned
                // exclusively by this list, so it does not overlap the caller's slice.
                unsafe { std::ptr::copy_nonoverlapping(now.as_ptr(), ptr, now.len()) };
            }
            rest = later;
        });
        let n = bytes.len() - rest.len();
        // SAFETY: n bytes were just written, from the first part on, and each part took at most its capacity.
        unsafe { self.set_len_init(n) };
        n
    }
}

/// Gives each buffer its share of `total` bytes; returns what is left.
///
/// # Safety
///
/// The first `total` bytes, counted through the capacities of `bufs` and then of the parts that follow, are initialised.
unsafe fn share_out<'a, B: IoBufMut>(bufs: impl Iterator<Item = &'a mut B>, total: usize) -> usize {
    let mut rest = total;
    for buf in bufs {
        let n = rest.min(buf.capacity_total());
        // SAFETY: n <= capacity_total(), and by the caller's promise this part's first n bytes are initialised.
        unsafe { buf.set_len_init(n) };
        rest -= n;
    }
    rest
}

macro_rules! sequence {
    ($([$($generics:tt)*] $ty:ty;)*) => {$(
        // SAFETY: the elements are reported in order; none moves, and none changes but through `&mut`, while the list
        // stays in place; each keeps IoBuf's promise.
        unsafe impl<B: IoBuf, $($generics)*> IoVecBuf for $ty {
            fn parts(&self, f: &mut dyn FnMut(*const u8, usize)) {
                self.iter().for_each(|buf| f(buf.as_ptr(), buf.len_init()));
            }

            fn total_len(&self) -> usize {
                self.iter().map(IoBuf::len_init).sum()
            }
        }

        // SAFETY: as above with IoBufMut's promise; distinct elements own distinct bytes.
        unsafe impl<B: IoBufMut, $($generics)*> IoVecBufMut for $ty {
            fn parts_mut(&mut self, f: &mut dyn FnMut(*mut u8, usize)) {
                self.iter_mut().for_each(|buf| f(buf.as_mut_ptr(), buf.capacity_total()));
            }

            unsafe fn set_len_init(&mut self, total: usize) {
                // SAFETY: the caller's promise, word for word.
                unsafe { share_out(self.iter_mut(), total) };
            }
        }
    )*};
}

sequence! {
    [] Vec<B>;
    [] Box<[B]>;
    [const N: usize] [B; N];
}

// SAFETY: two parts in order; neither moves nor changes but through `&mut` while the pair stays in place.
unsafe impl<A: IoBuf, B: IoBuf> IoVecBuf for (A, B) {
    fn parts(&self, f: &mut dyn FnMut(*const u8, usize)) {
        f(self.0.as_ptr(), self.0.len_init());
        f(self.1.as_ptr(), self.1.len_init());
    }

    fn total_len(&self) -> usize {
        self.0.len_init() + self.1.len_init()
    }
}

// SAFETY: as above with IoBufMut's promise; the two own distinct bytes.
unsafe impl<A: IoBufMut, B: IoBufMut> IoVecBufMut for (A, B) {
    fn parts_mut(&mut self, f: &mut dyn FnMut(*mut u8, usize)) {
        f(self.0.as_mut_ptr(), self.0.capacity_total());
        f(self.1.as_mut_ptr(), self.1.capacity_total());
    }

    unsafe fn set_len_init(&mut self, total: usize) {
        // SAFETY: the caller's promise for the first part; share_out says what is left for the second.
        let rest = unsafe { share_out(std::iter::once(&mut self.0), total) };
        // SAFETY: the caller's promise for the second part: `rest` of its bytes are initialised.
        unsafe { share_out(std::iter::once(&mut self.1), rest) };
    }
}
