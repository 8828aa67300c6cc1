//! The traits for the types of the standard library.

use std::sync::Arc;

use crate::{IoBuf, IoBufMut};

// SAFETY: a Vec's heap block is its own, the first `len` bytes are initialised, and it changes only through `&mut`.
unsafe impl IoBuf for Vec<u8> {
    fn as_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn len_init(&self) -> usize {
        self.len()
    }
}

// SAFETY: the block has `capacity` writable bytes that only this Vec reaches; `set_len` sets the length and nothing else.
unsafe impl IoBufMut for Vec<u8> {
    fn as_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn capacity_total(&self) -> usize {
        self.capacity()
    }

    unsafe fn set_len_init(&mut self, len: usize) {
        // SAFETY: the caller promises both of set_len's conditions: len <= capacity, and len initialised bytes.
        unsafe { self.set_len(len) };
    }
}

/// Types that are initialised from end to end, deref to `[u8]`, and change only through `&mut`.
macro_rules! initialised {
    ($($(#[$doc:meta])* [$($generics:tt)*] $ty:ty;)*) => {$(
        // SAFETY: every byte of the slice is initialised, the slice is the same each time while the value stays in
        // place, and what it derefs to is either owned or immutable for as long as the value lives.
        unsafe impl<$($generics)*> IoBuf for $ty {
            fn as_ptr(&self) -> *const u8 {
                let bytes: &[u8] = self.as_ref();
                bytes.as_ptr()
            }

            fn len_init(&self) -> usize {
                let bytes: &[u8] = self.as_ref();
                bytes.len()
            }
        }
    )*};
}

initialised! {
    [] Box<[u8]>;
    [] String;
    [] &'static [u8];
    [] &'static mut [u8];
    [] &'static str;
    [] Arc<[u8]>;
    [const N: usize] [u8; N];
    [const N: usize] Box<[u8; N]>;
    [const N: usize] &'static [u8; N];
}

/// Those of them that own their bytes exclusively: all bytes are writable, and the length is fixed.
macro_rules! fixed_length {
    ($([$($generics:tt)*] $ty:ty;)*) => {$(
        // SAFETY: the bytes belong to this value alone (owned, or uniquely borrowed for ever), all of them are
        // initialised, so `set_len_init` has nothing to record.
        unsafe impl<$($generics)*> IoBufMut for $ty {
            fn as_mut_ptr(&mut self) -> *mut u8 {
                let bytes: &mut [u8] = self.as_mut();
                bytes.as_mut_ptr()
            }

            fn capacity_total(&self) -> usize {
                self.len()
            }

            unsafe fn set_len_init(&mut self, _len: usize) {}
        }
    )*};
}

fixed_length! {
    [] Box<[u8]>;
    [] &'static mut [u8];
    [const N: usize] [u8; N];
    [const N: usize] Box<[u8; N]>;
}
