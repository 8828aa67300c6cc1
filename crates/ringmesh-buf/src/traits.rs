//! The contract between a buffer and the kernel.

use std::ops::RangeBounds;

use crate::{Limit, Slice};

/// Memory that the kernel may read: what a `write` or `send` takes.
///
/// An operation owns its buffer until the kernel is done with it, so the type is passed by value and comes back in the
/// result. See the [crate docs](crate) for the types that implement it.
///
/// # Safety
///
/// An operation moves the value into a place of its own, asks it once for pointer and length, hands both to the kernel,
/// and neither moves nor touches the value until the kernel has reported its last completion. An implementation
/// guarantees for as long as the value is neither moved, dropped nor accessed through `&mut`:
///
/// 1. `as_ptr()` and `len_init()` give the same answer each time;
/// 2. the `len_init()` bytes at `as_ptr()` are initialised and readable (with `len_init() == 0` the pointer may dangle);
/// 3. nobody writes to these bytes, from any thread (no interior mutability, no other owner that may write);
/// 4. a provided method, if overridden, does what its documentation here says.
///
/// The pointer need *not* survive a move of the value: an array may lie inside it. The value may be moved to another
/// thread and dropped there (`Send`), and may be leaked.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to the kernel as a buffer",
    label = "not an owned buffer",
    note = "an operation owns its buffer until the kernel is done with it, so it takes `Vec<u8>`, `Box<[u8]>`, `[u8; N]`, `String`, `&'static [u8]`, `&'static str`, `Arc<[u8]>` or `Bytes` by value, and gives it back",
    note = "instead of `stream.write_all(&buf).await?` write `let (_, buf) = stream.write_all(buf).await?;`"
)]
pub unsafe trait IoBuf: Send + 'static {
    /// Where the bytes start.
    fn as_ptr(&self) -> *const u8;

    /// How many bytes from [`as_ptr`](Self::as_ptr) on are initialised: what a write would send.
    fn len_init(&self) -> usize;

    /// The initialised bytes.
    fn as_slice(&self) -> &[u8] {
        match self.len_init() {
            0 => &[],
            // SAFETY: points 1 to 3 of the trait's contract: `len` initialised, readable bytes that nobody writes while
            // `self` is borrowed. A buffer is one object of at most isize::MAX bytes, as every Rust allocation.
            len => unsafe { std::slice::from_raw_parts(self.as_ptr(), len) },
        }
    }

    /// The part `range` of the initialised bytes as a buffer of its own; [`Slice::into_inner`] gives the whole back.
    ///
    /// To read *into* a part, also one past the initialised bytes, use [`IoBufMut::slice_mut`].
    ///
    /// # Panics
    ///
    /// If the range starts after its end or ends after [`len_init`](Self::len_init).
    fn slice(self, range: impl RangeBounds<usize>) -> Slice<Self>
    where
        Self: Sized,
    {
        let len = self.len_init();
        Slice::within(self, range, len)
    }
}

/// Memory that the kernel may write: what a `read` or `recv` takes.
///
/// # Safety
///
/// As for [`IoBuf`], and in addition:
///
/// 1. `as_mut_ptr()` is the same address as `as_ptr()`, and the `capacity_total()` bytes there are writable (they need
///    not be initialised); `len_init() <= capacity_total()`, and both stay the same as in point 1 of [`IoBuf`];
/// 2. the value owns these bytes exclusively: nobody else reads or writes them;
/// 3. `set_len_init(len)`, called as its own contract demands, touches no byte of the buffer, leaves pointer and
///    capacity as they are, and either makes `len_init() == len` (growable types) or changes nothing (types of fixed
///    length, for which `len_init() == capacity_total()`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given to the kernel to read into",
    label = "not an owned, writable buffer",
    note = "an operation owns its buffer until the kernel is done with it, so it takes `Vec<u8>`, `Box<[u8]>`, `[u8; N]` or `BytesMut` by value, and gives it back",
    note = "instead of `let n = stream.read(&mut buf).await?;` write `let (n, buf) = stream.read(buf).await?;`"
)]
pub unsafe trait IoBufMut: IoBuf {
    /// Where the bytes start, for writing.
    fn as_mut_ptr(&mut self) -> *mut u8;

    /// How many bytes there is room for, counted from the start: initialised and spare ones together.
    fn capacity_total(&self) -> usize;

    /// Says how many bytes from the start on are initialised now; types of fixed length ignore it.
    ///
    /// # Safety
    ///
    /// `len <= capacity_total()`, and the first `len` bytes are initialised.
    unsafe fn set_len_init(&mut self, len: usize);

    /// Bounds the buffer to `max` bytes: a read into it takes no more.
    fn limit(self, max: usize) -> Limit<Self>
    where
        Self: Sized,
    {
        Limit::new(self, max)
    }

    /// The part `range` of the buffer's whole capacity; [`Slice::into_inner`] gives the whole back.
    ///
    /// `buf.slice_mut(n..)` is what a read that has already got `n` bytes continues with.
    ///
    /// # Panics
    ///
    /// If the range starts after its end or after [`len_init`](IoBuf::len_init) (a hole of uninitialised bytes would be
    /// left before it), or ends after [`capacity_total`](Self::capacity_total).
    fn slice_mut(self, range: impl RangeBounds<usize>) -> Slice<Self>
    where
        Self: Sized,
    {
        let capacity = self.capacity_total();
        Slice::within(self, range, capacity)
    }

    /// Copies `bytes` to the start of the buffer, as a read would: as much as fits, and `len == n` afterwards where the
    /// type has a length. Returns `n`.
    fn put_slice(&mut self, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.capacity_total());
        if n > 0 {
            // SAFETY: n <= bytes.len(), so the source is readable; n <= capacity_total(), so the target is writable
            // (contract of IoBufMut, point 1); they cannot overlap, as the buffer owns its bytes exclusively (point 2).
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.as_mut_ptr(), n) };
        }
        // SAFETY: n <= capacity_total(), and the first n bytes were just written.
        unsafe { self.set_len_init(n) };
        n
    }
}
