//! Lists of buffers for vectored operations.

use crate::{IoBuf, IoBufMut};

/// A list of buffers that the kernel can read from in one operation.
///
/// # Safety
///
/// For a value that is not moved, mutated or dropped, every part that
/// [`parts`](Self::parts) names is valid as a buffer under the contract of [`IoBuf`], in the same
/// order each time, and the lengths add up to [`total_len`](Self::total_len).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owned list of buffers",
    note = "vectored operations take their buffers by value: a Vec<B>, Box<[B]>, [B; N] or (A, B) \
            of owned buffers, not `&[IoSlice]`"
)]
pub unsafe trait IoVecBuf: Send + 'static {
    /// Names each part: where it begins and how many bytes of it are initialised.
    fn parts(&self, each: &mut dyn FnMut(*const u8, usize));

    /// How many initialised bytes all parts have together.
    fn total_len(&self) -> usize {
        let mut total = 0;
        self.parts(&mut |_, len| total += len);
        total
    }

    /// A copy of the first `n` initialised bytes, counted through the parts in order; of fewer, if
    /// there are not as many.
    fn copy_out(&self, n: usize) -> Vec<u8> {
        let mut copy = Vec::with_capacity(n.min(self.total_len()));
        self.parts(&mut |from, len| {
            let len = len.min(n - copy.len());
            if len > 0 {
                // SAFETY: by the contract `from` is valid for that many initialised bytes, which
                // nobody writes while `self` is borrowed.
                let bytes = unsafe { std::slice::from_raw_parts(from, len) };
                copy.extend_from_slice(bytes);
            }
        });
        copy
    }
}

/// A list of buffers that the kernel can write into in one operation.
///
/// # Safety
///
/// As [`IoVecBuf`], with every part of [`parts_mut`](Self::parts_mut) valid under the contract of
/// [`IoBufMut`], none overlapping another.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owned list of buffers to read into",
    note = "vectored operations take their buffers by value: a Vec<B>, Box<[B]>, [B; N] or (A, B) \
            of owned buffers, not `&mut [IoSliceMut]`"
)]
pub unsafe trait IoVecBufMut: IoVecBuf {
    /// Names each part: where it begins and how many bytes may be written.
    fn parts_mut(&mut self, each: &mut dyn FnMut(*mut u8, usize));

    /// Says that the first `total` bytes, counted through the parts in order, are initialised.
    ///
    /// # Safety
    ///
    /// They are, and `total` is at most the capacity of all parts together.
    unsafe fn set_len_init(&mut self, total: usize);

    /// How many bytes fit into all parts together.
    fn total_capacity(&mut self) -> usize {
        let mut total = 0;
        self.parts_mut(&mut |_, len| total += len);
        total
    }

    /// Copies as much of `bytes` as there is room for into the parts in order, with the length
    /// rules of a read, and returns how many bytes that were.
    fn put_slice(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        self.parts_mut(&mut |to, capacity| {
            let n = (bytes.len() - done).min(capacity);
            let from = bytes[done..].as_ptr();
            // SAFETY: `to` is valid for `capacity >= n` bytes by the contract; `bytes` is a shared
            // borrow, which cannot overlap the exclusively borrowed buffers.
            unsafe { std::ptr::copy_nonoverlapping(from, to, n) };
            done += n;
        });
        // SAFETY: the first `done` bytes, in order, were just written.
        unsafe { self.set_len_init(done) };
        done
    }
}

/// The bodies for a list whose parts all have one type and that derefs to a slice of them.
macro_rules! list_of_buffers {
    ([$($generics:tt)*], $t:ty) => {
        // SAFETY: each part is a buffer under its own contract; a borrowed list keeps its parts in
        // place and in order.
        unsafe impl<B: IoBuf, $($generics)*> IoVecBuf for $t {
            fn parts(&self, each: &mut dyn FnMut(*const u8, usize)) {
                self.iter().for_each(|b| each(b.as_ptr(), b.len_init()));
            }
        }

        // SAFETY: as above; an exclusive borrow of the list is one of every part.
        unsafe impl<B: IoBufMut, $($generics)*> IoVecBufMut for $t {
            fn parts_mut(&mut self, each: &mut dyn FnMut(*mut u8, usize)) {
                self.iter_mut().for_each(|b| each(b.as_mut_ptr(), b.capacity_total()));
            }

            unsafe fn set_len_init(&mut self, mut total: usize) {
                for b in self.iter_mut() {
                    let n = total.min(b.capacity_total());
                    // SAFETY: the caller initialised `total` bytes through the parts in order, so
                    // the first `n` of this one.
                    unsafe { b.set_len_init(n) };
                    total -= n;
                }
            }
        }
    };
}

list_of_buffers!([], Vec<B>);
list_of_buffers!([], Box<[B]>);
list_of_buffers!([const N: usize], [B; N]);

// SAFETY: both parts are buffers under their own contracts and stay in place with the pair.
unsafe impl<A: IoBuf, B: IoBuf> IoVecBuf for (A, B) {
    fn parts(&self, each: &mut dyn FnMut(*const u8, usize)) {
        each(self.0.as_ptr(), self.0.len_init());
        each(self.1.as_ptr(), self.1.len_init());
    }
}

// SAFETY: as above; an exclusive borrow of the pair is one of both parts.
unsafe impl<A: IoBufMut, B: IoBufMut> IoVecBufMut for (A, B) {
    fn parts_mut(&mut self, each: &mut dyn FnMut(*mut u8, usize)) {
        each(self.0.as_mut_ptr(), self.0.capacity_total());
        each(self.1.as_mut_ptr(), self.1.capacity_total());
    }

    unsafe fn set_len_init(&mut self, total: usize) {
        let first = total.min(self.0.capacity_total());
        // SAFETY: the caller initialised `total` bytes in order, so the first `first` of part 0.
        unsafe { self.0.set_len_init(first) };
        // SAFETY: what is left of `total` lies in part 1.
        unsafe { self.1.set_len_init(total - first) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_dealt_out_to_the_parts_in_order() {
        let mut list = vec![Vec::with_capacity(2), Vec::with_capacity(3)];
        let room: usize = list.total_capacity();
        assert!(room >= 5);
        let mut pair = ([0u8; 2], Vec::with_capacity(3));
        assert_eq!(pair.put_slice(b"abcd"), 4);
        assert_eq!((&pair.0, pair.1.as_slice()), (b"ab", b"cd".as_slice()));
        assert_eq!(list.put_slice(b"a"), 1);
        assert_eq!((list[0].as_slice(), list[1].len()), (b"a".as_slice(), 0));
        assert_eq!(list.total_len(), 1);
        assert_eq!(pair.copy_out(3), b"abc");
        assert_eq!(pair.copy_out(99), b"abcd");
    }
}
