//! Owned buffers for completion-based I/O, and the results that give them back.
//!
//! A ring operation hands its buffer to the kernel and gets it back when the kernel is done. A
//! borrowed slice cannot express that (its owner may leave early), so every operation takes its
//! buffer *by value* and returns it beside the result:
//!
//! ```
//! use ringmesh_buf::{BufError, BufResult};
//!
//! fn read(mut buf: Vec<u8>) -> BufResult<usize, Vec<u8>> {
//!     buf.clear();
//!     buf.extend_from_slice(b"hello");
//!     Ok((5, buf))
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     let (n, buf) = read(Vec::with_capacity(4096))?; // a BufError becomes an io::Error
//!     assert_eq!(&buf[..n], b"hello");
//!     Ok(())
//! }
//! ```
//!
//! * [`IoBuf`] is a buffer that can be written *from*, [`IoBufMut`] one that can be read *into*.
//! * [`Slice`], [`Limit`] and [`Append`] narrow a buffer and give the whole back.
//! * [`IoVecBuf`] and [`IoVecBufMut`] are lists of buffers for vectored operations.
//! * [`BufResult`] and [`BufError`] carry the buffer through success and failure.
//!
//! A read fills a buffer from its start up to its capacity. Growable buffers (`Vec<u8>`,
//! `BytesMut`) then have `len == n`, so `vec![0; N]` and `Vec::with_capacity(N)` behave alike and
//! a buffer may be used again in a loop; buffers of fixed length keep their length.

mod append;
#[cfg(feature = "bytes")]
mod bytes;
mod impls;
mod io_buf;
mod io_vec_buf;
mod limit;
mod result;
mod slice;

pub use append::Append;
pub use io_buf::{IoBuf, IoBufMut};
pub use io_vec_buf::{IoVecBuf, IoVecBufMut};
pub use limit::Limit;
pub use result::{BufError, BufResult};
pub use slice::Slice;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
