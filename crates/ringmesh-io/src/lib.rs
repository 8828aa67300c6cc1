//! Completion-shaped I/O traits and adapters, and bridges to tokio, futures and hyper.
//!
//! The traits take a buffer by value and give it back with the result, as an io_uring operation must have it:
//!
//! ```
//! use ringmesh_io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, duplex};
//! # futures_lite::future::block_on(async {
//! /// Upper-cases whatever comes, over any stream.
//! async fn shout<S: AsyncRead + AsyncWrite>(stream: &mut S) -> std::io::Result<()> {
//!     let mut buf = Vec::with_capacity(4096);
//!     loop {
//!         let (n, mut read) = stream.read(buf).await?;
//!         if n == 0 {
//!             return stream.shutdown().await;
//!         }
//!         read.make_ascii_uppercase();
//!         (_, buf) = stream.write_all(read).await?;
//!     }
//! }
//!
//! let (mut near, mut far) = duplex(1024);
//! near.write_all("hello").await?;
//! near.shutdown().await?;
//! shout(&mut far).await?;
//! assert_eq!(near.read_to_string().await?, "HELLO");
//! # Ok::<(), std::io::Error>(()) }).unwrap();
//! ```
//!
//! | to do | take |
//! |---|---|
//! | read, write | [`AsyncRead`], [`AsyncWrite`] and their `Ext` traits: `read_exact`, `read_append`, `read_to_end`, `take`, `chain`, `write_all` |
//! | the same with several buffers | [`AsyncReadVectored`], [`AsyncWriteVectored`] |
//! | at a position of a file | [`AsyncReadAt`], [`AsyncWriteAt`] and their `Ext` traits |
//! | many small reads or writes | [`BufReader`], [`BufWriter`] |
//! | lines, or pieces between delimiters | [`AsyncBufReadExt::lines`], [`AsyncBufReadExt::split_on`], with a largest length |
//! | move everything | [`copy`], [`copy_bidirectional`] |
//! | both directions in two tasks | [`Split`] |
//! | test a protocol without sockets | [`duplex`] |
//! | hyper, or a crate for tokio's or futures' traits | `PollIo` (features `hyper`, `tokio`, `futures`) |
//!
//! The traits' futures are `Send`, so generic code can be spawned, and generic calls are static: the traits cannot be made
//! into objects.
//!
//! # Bridges
//!
//! Crates with poll-shaped traits lend a buffer for the time of one poll, which the kernel cannot live with. `PollIo`
//! stands between: it reads ahead into a buffer of its own and sends from a queue of its own, one copy each way. Nothing
//! is lost when such a poll is dropped or repeated with a smaller buffer.
//!
#![cfg_attr(feature = "tokio", doc = "```")]
#![cfg_attr(not(feature = "tokio"), doc = "```ignore")]
//! use ringmesh_io::{PollIo, duplex};
//! use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
//! # futures_lite::future::block_on(async {
//! let (near, far) = duplex(1024);
//! let (mut near, far) = (PollIo::new(near), PollIo::new(far));
//! near.write_all(b"one\ntwo\n").await?;
//! near.shutdown().await?;
//! let mut lines = far.lines();
//! assert_eq!(lines.next_line().await?.as_deref(), Some("one"));
//! # Ok::<(), std::io::Error>(()) }).unwrap();
//! ```
//!
//! The orphan rule forbids implementing those traits on the sockets of `ringmesh-net` here; a wrapper type it must be, and
//! the buffers need a place anyway.
//!
//! # Features
//!
//! `fs` and `net` (default): the traits for `ringmesh-fs`'s and `ringmesh-net`'s types. `tokio`, `futures`, `hyper`:
//! `PollIo` with the traits of that crate; `hyper` also gives `HyperTimer`, `Executor` and `LocalExecutor`.
//! With `default-features = false` there are the traits, adapters and the in-memory pipe, on `ringmesh-buf` alone: what a
//! library needs that wants to be usable with ringmesh.
#![forbid(unsafe_code)]

mod at;
mod buf_read;
mod buf_reader;
mod buf_writer;
mod chain;
mod copy;
mod duplex;
mod lines;
mod read;
mod split;
mod take;
mod util;
mod vectored;
mod write;

#[cfg(feature = "hyper")]
mod hyper;
mod impls;
#[cfg(any(feature = "tokio", feature = "futures", feature = "hyper"))]
mod poll;
#[cfg(any(feature = "tokio", feature = "futures", feature = "hyper"))]
mod pool;
mod source;

pub use at::{AsyncReadAt, AsyncReadAtExt, AsyncWriteAt, AsyncWriteAtExt};
pub use buf_read::{AsyncBufRead, AsyncBufReadExt};
pub use buf_reader::BufReader;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::{copy, copy_bidirectional};
pub use duplex::{
    Duplex, DuplexRead, DuplexReader, DuplexWrite, DuplexWriteAll, DuplexWriter, duplex,
};
pub use lines::{Lines, SplitOn};
pub use read::{AsyncRead, AsyncReadExt};
pub use source::PollSource;
pub use split::Split;
pub use take::Take;
pub use util::{Empty, Sink, empty, sink};
pub use vectored::{AsyncReadVectored, AsyncWriteVectored};
pub use write::{AsyncWrite, AsyncWriteExt};

#[cfg(feature = "hyper")]
pub use hyper::{Executor, HyperSleep, HyperTimer, LocalExecutor};
#[cfg(any(feature = "tokio", feature = "futures", feature = "hyper"))]
pub use poll::{Limits, PollIo};

/// What all of the traits are used with: `use ringmesh_io::prelude::*`.
pub mod prelude {
    pub use crate::{
        AsyncBufRead as _, AsyncBufReadExt as _, AsyncRead as _, AsyncReadAt as _,
        AsyncReadAtExt as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteAt as _,
        AsyncWriteAtExt as _, AsyncWriteExt as _, Split as _,
    };
}

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
