//! The traits: `use ringmesh::prelude::*`.
//!
//! They come without their names, so nothing of yours is shadowed.
//!
//! ```
//! use ringmesh::{io::duplex, prelude::*};
//! # ringmesh::run(async {
//! let (mut near, mut far) = duplex(64);
//! near.write_all("hello").await?;
//! let ((), five) = far.read_exact(vec![0; 5], 5).await?;
//! assert_eq!(five, b"hello");
//! # Ok::<(), std::io::Error>(()) }).unwrap().unwrap();
//! ```

pub use ringmesh_buf::{IoBuf as _, IoBufMut as _, IoVecBuf as _, IoVecBufMut as _};
pub use ringmesh_io::prelude::*;
