//! Completion-shaped I/O traits and adapters, and bridges to tokio, futures and hyper.
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
