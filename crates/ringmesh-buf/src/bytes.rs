//! The traits for the `bytes` crate.

use bytes::{Bytes, BytesMut};

use crate::{IoBuf, IoBufMut};

// SAFETY: Bytes is a shared, immutable view: nobody can write while a clone exists, and `try_into_mut` succeeds only
// for the sole owner, which is the operation while it holds this one.
unsafe impl IoBuf for Bytes {
    fn as_ptr(&self) -> *const u8 {
        self.as_ref().as_ptr()
    }

    fn len_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: the first `len` bytes are initialised and change only through `&mut`.
unsafe impl IoBuf for BytesMut {
    fn as_ptr(&self) -> *const u8 {
        self.as_ref().as_ptr()
    }

    fn len_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: a BytesMut owns the `capacity` bytes from its start on exclusively, also where it shares an allocation with
// others: `split_off` and friends give away disjoint parts.
unsafe impl IoBufMut for BytesMut {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut().as_mut_ptr()
    }

    fn capacity_total(&self) -> usize {
        self.capacity()
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the caller promises both of set_len's conditions: len <= capacity, and len initialised bytes.
        unsafe { self.set_len(len) };
    }
}
