//! Sockets on the op lane: TCP, Unix-domain and UDP, in futures that may be dropped at any await without
//! losing a byte or a connection.
//!
//! ```
//! use std::io;
//! use ringmesh_net::{TcpListener, TcpStream};
//!
//! async fn echo(stream: TcpStream) -> io::Result<()> {
//!     while let Some(chunk) = stream.recv().await? {     // a buffer that the kernel picked and filled
//!         stream.write_all(chunk.to_vec()).await?;
//!     }
//!     Ok(())
//! }
//!
//! # fn main() -> io::Result<()> {
//! ringmesh_op::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await?;
//!     let addr = listener.local_addr()?;
//!     ringmesh_sched::spawn(async move {
//!         let mut incoming = listener.incoming();         // one request, any number of connections
//!         while let Some((stream, _peer)) = incoming.next().await? {
//!             ringmesh_sched::spawn(echo(stream));        // may move to another shard at any await
//!         }
//!         io::Result::Ok(())
//!     });
//!
//!     let stream = TcpStream::connect(addr).await?;
//!     stream.write_all("hello").await?;
//!     let ((), answer) = stream.read_exact(vec![0; 5], 5).await?;
//!     assert_eq!(answer, b"hello");
//!     Ok(())
//! })?
//! # }
//! ```
//!
//! * [`TcpListener`] takes connections, [`TcpStream`] makes and uses them, [`TcpSocket`] sets options before.
//! * [`UnixListener`] and [`UnixStream`] are the same for paths and abstract names.
//! * [`UdpSocket`] sends and receives datagrams.
//!
//! # Buffers
//!
//! The kernel writes into a buffer while its future waits, so an operation takes the buffer by value and gives
//! it back, also in its error:
//!
//! ```
//! # use ringmesh_net::TcpStream;
//! # async fn demo(stream: TcpStream) -> std::io::Result<()> {
//! let mut buf = Vec::with_capacity(4096);
//! loop {
//!     let (n, filled) = stream.read(buf).await?;   // filled.len() == n
//!     if n == 0 {
//!         break;                                   // the end of the stream, and nothing else
//!     }
//!     (_, buf) = stream.write_all(filled).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`read`](TcpStream::read) takes what comes, [`read_exact`](TcpStream::read_exact) a given number of bytes,
//! [`read_append`](TcpStream::read_append) goes on behind what the buffer holds. [`recv`](TcpStream::recv)
//! needs no buffer: it lends one of the kernel's, and no memory is set aside for a peer that is silent.
//!
//! # Dropping a future
//!
//! Timeouts and selects are loops' daily bread, so dropping is safe everywhere:
//!
//! | dropped | what becomes of it |
//! |---|---|
//! | `read`, `read_exact`, `recv`, ... | no byte is lost: what came or still comes is the next that is read; an end or an error is kept, too |
//! | `accept`, `incoming` | no connection is lost: it is the next that anybody accepts, on any shard |
//! | `write`, `write_all`, ... | accepted: sent whole and in order; not accepted: never sent |
//! | `connect` | the socket is closed |
//! | `recv_from` | no datagram is lost |
//!
//! Futures that carry a buffer can also be asked to end: `.timeout(d)` and `.cancel()` give the buffer back and
//! say what happened.
//!
//! ```
//! use std::{io::ErrorKind, time::Duration};
//! use ringmesh_net::UnixStream;
//!
//! # ringmesh_op::run(async {
//! # async fn demo() -> std::io::Result<()> {
//! let (ours, _silent) = UnixStream::pair()?;
//! let late = ours.read(Vec::with_capacity(100)).timeout(Duration::from_millis(1)).await;
//! let error = late.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::TimedOut);
//! let (_, buf) = error.into_parts();               // the same buffer
//! assert_eq!(buf.capacity(), 100);
//! # Ok(())
//! # }
//! # demo().await.unwrap();
//! # }).unwrap();
//! ```
//!
//! # Sharing a socket
//!
//! Everything takes `&self`, and a clone is a second handle (an `Arc`, never a `dup`). Readers take turns, first
//! come, first served; writers that come while a send is under way are queued and leave together, in order, in
//! one send. So a socket may be read in one task and written in five:
//!
//! ```
//! # use ringmesh_net::TcpStream;
//! # fn demo(stream: TcpStream) {
//! let (reader, writer) = (stream.clone(), stream);
//! ringmesh_sched::spawn(async move { reader.recv().await.map(drop) });
//! ringmesh_sched::spawn(async move { writer.write_all("whole messages").await.map(drop) });
//! # }
//! ```
//!
//! # Where it is explained
//!
//! The private modules draw their state machines: `receive` (a direction and its readers), `send` (the queue
//! that drives itself), `accept` (drawer, orphans, and a wake-up that the kernel may eat), `turn` (the line).

#![forbid(unsafe_code)]

mod accept;
mod addr;
mod error;
mod exclusive;
mod futures;
mod receive;
mod send;
mod socket;
mod stream;
mod tcp;
mod turn;
mod udp;
mod unix;

pub use addr::ToSocketAddrs;
pub use error::{AddrError, IntoStdError};
pub use futures::{
    Flush, OwnedRead, OwnedShutdown, OwnedWrite, Read, ReadAppend, ReadExact, ReadVectored, Recv,
    Timed, Write, WriteAll, WriteVectored,
};
pub use receive::Lease;
pub use tcp::{
    Accept, Incoming, NextConnection, OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError,
    TcpListener, TcpSocket, TcpStream, WriteHalf,
};
pub use udp::{RecvDatagram, RecvFrom, SendTo, UdpSocket};
pub use unix::{NextUnixConnection, UnixAccept, UnixIncoming, UnixListener, UnixStream};

/// How many connections may wait in the kernel, unless a [`TcpSocket`] says otherwise. Picked: tokio asks for
/// as many; the kernel cuts it to `net.core.somaxconn` (4096 by default).
pub(crate) const BACKLOG: u32 = 1024;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
