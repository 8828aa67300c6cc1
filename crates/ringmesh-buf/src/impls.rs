//! The buffers of the standard library.

use std::sync::Arc;

use crate::{IoBuf, IoBufMut};

/// `IoBuf` for a type that is a `[u8]` by deref to a stable, unshared-for-writing place.
macro_rules! io_buf_by_bytes {
    ($(#[$why:meta])* $t:ty) => {
        $(#[$why])*
        // SAFETY: an owned or 'static byte sequence, all of it initialised; a shared borrow of the
        // owner gives the same pointer and length each time, and nobody can write meanwhile.
        unsafe impl IoBuf for $t {
            fn as_ptr(&self) -> *const u8 {
                let bytes: &[u8] = self.as_ref();
                bytes.as_ptr()
            }

            fn len_init(&self) -> usize {
                self.len()
            }
        }
    };
}

io_buf_by_bytes!(Box<[u8]>);
io_buf_by_bytes!(&'static [u8]);
io_buf_by_bytes!(&'static str);
io_buf_by_bytes!(String);
io_buf_by_bytes!(Arc<[u8]>);

// SAFETY: the allocation holds `len` initialised bytes and moves only by methods that take
// `&mut self`. `Vec::as_ptr` (not a slice's) keeps the pointer valid for the whole allocation.
unsafe impl IoBuf for Vec<u8> {
    fn as_ptr(&self) -> *const u8 {
        Vec::as_ptr(self)
    }

    fn len_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: a Vec may be written up to its capacity; `set_len` does not move it.
unsafe impl IoBufMut for Vec<u8> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        Vec::as_mut_ptr(self)
    }

    fn capacity_total(&self) -> usize {
        self.capacity()
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the caller's promises are those of `Vec::set_len`.
        unsafe { self.set_len(len) }
    }
}

// SAFETY: all `N` bytes are initialised and live in the value itself.
unsafe impl<const N: usize> IoBuf for [u8; N] {
    fn as_ptr(&self) -> *const u8 {
        self.as_slice().as_ptr()
    }

    fn len_init(&self) -> usize {
        N
    }
}

// SAFETY: all `N` bytes are initialised, immutable, and there for ever: `b"literal"` is one.
unsafe impl<const N: usize> IoBuf for &'static [u8; N] {
    fn as_ptr(&self) -> *const u8 {
        let bytes: &'static [u8] = *self;
        bytes.as_ptr()
    }

    fn len_init(&self) -> usize {
        N
    }
}

// SAFETY: an exclusive borrow may write all `N` bytes; the length is fixed.
unsafe impl<const N: usize> IoBufMut for [u8; N] {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_slice().as_mut_ptr()
    }

    fn capacity_total(&self) -> usize {
        N
    }

    unsafe fn set_len_init(&mut self, _len: usize) {}
}

// SAFETY: an exclusive borrow may write all of the box; the length is fixed.
unsafe impl IoBufMut for Box<[u8]> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut().as_mut_ptr()
    }

    fn capacity_total(&self) -> usize {
        self.len()
    }

    unsafe fn set_len_init(&mut self, _len: usize) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A method of the trait that was meant to be the type's own would call itself for ever.
    #[test]
    fn every_type_names_its_own_bytes() {
        fn check(buf: impl IoBuf) {
            assert_eq!(buf.len_init(), 3);
            assert_eq!(buf.as_slice().as_ptr(), buf.as_ptr());
            assert_eq!(buf.as_slice(), b"abc");
        }
        check(b"abc");
        check(*b"abc");
        check(b"abc".as_slice());
        check("abc");
        check(String::from("abc"));
        check(b"abc".to_vec());
        check(b"abc".to_vec().into_boxed_slice());
        check(Arc::<[u8]>::from(b"abc".as_slice()));
        check(b"xabc".to_vec().slice(1..));
        check(b"abcd".to_vec().limit(3));
        #[cfg(feature = "bytes")]
        check(bytes::Bytes::from_static(b"abc"));
        #[cfg(feature = "bytes")]
        check(bytes::BytesMut::from(b"abc".as_slice()));

        fn check_mut(mut buf: impl IoBufMut) {
            assert_eq!(buf.as_mut_ptr().cast_const(), buf.as_ptr());
            assert!(buf.capacity_total() >= buf.len_init());
            assert_eq!(buf.put_slice(b"xy"), 2);
            assert_eq!(&buf.as_slice()[..2], b"xy");
        }
        check_mut(*b"abc");
        check_mut(b"abc".to_vec());
        check_mut(b"abc".to_vec().into_boxed_slice());
        check_mut(crate::Slice::new_mut(b"xabc".to_vec(), 1..));
        check_mut(b"abcd".to_vec().limit(3));
        check_mut(crate::Append::new(Vec::with_capacity(2)));
        #[cfg(feature = "bytes")]
        check_mut(bytes::BytesMut::from(b"abc".as_slice()));
    }

    #[test]
    fn put_slice_follows_the_length_rules_of_a_read() {
        let mut v = vec![9; 4];
        assert_eq!(v.put_slice(b"ab"), 2);
        assert_eq!(v, b"ab");
        let mut a = [9; 4];
        assert_eq!(a.put_slice(b"abcdef"), 4);
        assert_eq!(&a, b"abcd");
    }

    #[test]
    fn append_keeps_what_is_there() {
        let mut v = Vec::with_capacity(8);
        v.extend_from_slice(b"ab");
        let mut tail = crate::Append::new(v);
        assert_eq!(tail.put_slice(b"cd"), 2);
        assert_eq!(tail.as_slice(), b"cd");
        assert_eq!(tail.into_inner(), b"abcd");
    }

    #[test]
    fn a_slice_to_read_into_may_reach_into_spare_capacity() {
        let mut v = Vec::with_capacity(8);
        v.extend_from_slice(b"abc");
        let mut part = crate::Slice::new_mut(v, 2..6);
        assert_eq!(part.as_slice(), b"c");
        assert_eq!(part.put_slice(b"12345"), 4);
        assert_eq!(part.into_inner(), b"ab1234");
    }

    #[test]
    fn limit_bounds_what_is_written() {
        let mut b = Vec::with_capacity(8).limit(3);
        assert_eq!(b.put_slice(b"abcdef"), 3);
        assert_eq!(b.into_inner(), b"abc");
    }

    #[test]
    #[should_panic(expected = "does not lie within")]
    fn a_slice_past_the_end_panics() {
        let _ = b"abc".slice(2..4);
    }
}
