//! Owned buffers for completion-based I/O, and the results that give them back.
//!
//! With readiness-based I/O the kernel touches your memory only while `read(2)` runs, so a `&mut [u8]` is enough. With
//! completion-based I/O (io_uring) the kernel may write at any time between the submission and the completion, also
//! after the future that asked for it was dropped or forgotten. A borrow cannot promise that the memory lives that
//! long, so a buffer is *given* to the operation and *comes back* with its result:
//!
//! ```
//! use ringmesh_buf::{BufError, BufResult, IoBufMut};
//! use std::io;
//!
//! // What a read looks like; a real one would be async.
//! fn read<B: IoBufMut>(mut buf: B) -> BufResult<usize, B> {
//!     if buf.capacity_total() == 0 {
//!         return Err(BufError::new(io::ErrorKind::InvalidInput.into(), buf));
//!     }
//!     let n = buf.put_slice(b"hello");
//!     Ok((n, buf))
//! }
//!
//! fn main() -> io::Result<()> {
//!     let (n, buf) = read(Vec::with_capacity(64))?; // `?` turns a BufError into an io::Error
//!     assert_eq!((n, &buf[..]), (5, &b"hello"[..]));
//!
//!     // `vec![0; N]` and `Vec::with_capacity(N)` behave alike, so a loop may reuse its buffer:
//!     let (_, buf) = read(buf)?;
//!     assert_eq!(buf, b"hello");
//!
//!     // After an error the buffer is there as well.
//!     let err = read([0u8; 0]).unwrap_err();
//!     assert_eq!(err.error().kind(), io::ErrorKind::InvalidInput);
//!     let _buf: [u8; 0] = err.buf;
//!     Ok(())
//! }
//! ```
//!
//! # What can be a buffer
//!
//! | type | written from ([`IoBuf`]) | read into ([`IoBufMut`]) |
//! |---|---|---|
//! | `Vec<u8>`, `BytesMut` (feature `bytes`) | its `len` bytes | its whole capacity; `len` becomes what came |
//! | `Box<[u8]>`, `[u8; N]`, `Box<[u8; N]>`, `&'static mut [u8]` | all of it | all of it; keeps its length |
//! | `String`, `&'static str`, `&'static [u8]`, `&'static [u8; N]`, `Arc<[u8]>`, `Bytes` (feature `bytes`) | all of it | no |
//! | [`Slice<B>`], [`Limit<B>`], [`Append<B>`] | a part of `B` | a part of `B`, if `B` can |
//!
//! # The read rules
//!
//! 1. A read fills from the start of the buffer up to its capacity and leaves `len == n` where the type has a length.
//! 2. [`Append`] (behind `read_append`) writes into the spare capacity and keeps what is there.
//! 3. A buffer without room is `InvalidInput`, so that `Ok(0)` means end of file and nothing else.
//! 4. A [`Slice`] gives the whole buffer back by [`Slice::into_inner`].
//!
//! Lists of buffers ([`IoVecBuf`], [`IoVecBufMut`]) follow the same rules, part after part.
//!
//! # Implementing the traits
//!
//! [`IoBuf`] and [`IoBufMut`] are `unsafe` to implement: their contract is what makes it sound to hand a pointer to the
//! kernel. The contract is written at each trait. Using them needs no unsafe code: [`IoBuf::as_slice`],
//! [`IoBufMut::put_slice`] and the wrappers cover copying in and out.
//!
//! # Features
//!
//! `bytes`: the traits for `bytes::Bytes` and `bytes::BytesMut`. Without features this crate has no dependencies.

mod append;
#[cfg(feature = "bytes")]
mod bytes;
mod impls;
mod limit;
mod result;
mod slice;
mod traits;
mod vectored;

pub use append::Append;
pub use limit::Limit;
pub use result::{BufError, BufResult};
pub use slice::Slice;
pub use traits::{IoBuf, IoBufMut};
pub use vectored::{IoVecBuf, IoVecBufMut};
