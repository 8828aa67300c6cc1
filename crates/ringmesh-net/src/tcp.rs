//! TCP.

mod listener;
mod socket;
mod split;
mod stream;

pub use listener::{Accept, Incoming, NextConnection, TcpListener};
pub use socket::TcpSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
