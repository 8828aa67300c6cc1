//! The buffers of the `bytes` crate (feature `bytes`).

use bytes::{Bytes, BytesMut};

use crate::{IoBuf, IoBufMut};

// SAFETY: `Bytes` is an immutable shared run of initialised bytes at a fixed address.
unsafe impl IoBuf for Bytes {
    fn as_ptr(&self) -> *const u8 {
        self.as_ref().as_ptr()
    }

    fn len_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: `BytesMut` owns its bytes; they move only by methods that take `&mut self`.
unsafe impl IoBuf for BytesMut {
    fn as_ptr(&self) -> *const u8 {
        self.as_ref().as_ptr()
    }

    fn len_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: a `BytesMut` may be written up to its capacity; `set_len` does not move it.
unsafe impl IoBufMut for BytesMut {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut().as_mut_ptr()
    }

    fn capacity_total(&self) -> usize {
        self.capacity()
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the caller's promises are those of `BytesMut::set_len`.
        unsafe { self.set_len(len) }
    }
}
