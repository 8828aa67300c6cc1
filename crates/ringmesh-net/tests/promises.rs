//! Auto traits and shapes that users rely on, checked by the compiler.

use std::cell::Cell;
use std::marker::PhantomData;

use ringmesh_net::{
    Accept, AddrError, Flush, Incoming, IntoStdError, Lease, NextConnection, OwnedRead,
    OwnedReadHalf, OwnedShutdown, OwnedWrite, OwnedWriteHalf, Read, ReadAppend, ReadExact,
    ReadHalf, ReadVectored, Recv, RecvDatagram, RecvFrom, SendTo, TcpListener, TcpSocket,
    TcpStream, Timed, UdpSocket, UnixAccept, UnixIncoming, UnixListener, UnixStream, Write,
    WriteAll, WriteHalf, WriteVectored,
};

fn is_shareable<T: Send + Sync + Unpin>() {}
fn is_static<T: Send + Sync + Unpin + 'static>() {}
fn is_clone<T: Clone>() {}
fn is_debug<T: std::fmt::Debug>() {}

#[test]
fn sockets_and_their_futures_are_send_sync_and_unpin() {
    is_static::<TcpListener>();
    is_static::<TcpStream>();
    is_static::<TcpSocket>();
    is_static::<UdpSocket>();
    is_static::<UnixListener>();
    is_static::<UnixStream>();
    is_static::<OwnedReadHalf>();
    is_static::<OwnedWriteHalf>();
    is_static::<Lease>();
    is_static::<OwnedRead<Vec<u8>>>();
    is_static::<OwnedWrite<Vec<u8>>>();
    is_static::<OwnedShutdown>();
    is_static::<SendTo<Vec<u8>>>();
    is_static::<AddrError>();
    is_static::<IntoStdError<TcpStream>>();

    is_shareable::<ReadHalf<'_>>();
    is_shareable::<WriteHalf<'_>>();
    is_shareable::<Accept<'_>>();
    is_shareable::<Incoming<'_>>();
    is_shareable::<NextConnection<'_, '_>>();
    is_shareable::<UnixAccept<'_>>();
    is_shareable::<UnixIncoming<'_>>();
    is_shareable::<Read<'_, Vec<u8>>>();
    is_shareable::<ReadAppend<'_, Vec<u8>>>();
    is_shareable::<ReadExact<'_, Vec<u8>>>();
    is_shareable::<ReadVectored<'_, Vec<Vec<u8>>>>();
    is_shareable::<Recv<'_>>();
    is_shareable::<Write<'_, Vec<u8>>>();
    is_shareable::<WriteAll<'_, Vec<u8>>>();
    is_shareable::<WriteVectored<'_, Vec<Vec<u8>>>>();
    is_shareable::<Flush<'_>>();
    is_shareable::<Timed<Read<'_, Vec<u8>>>>();
    is_shareable::<RecvFrom<'_, Vec<u8>>>();
    is_shareable::<RecvDatagram<'_, Vec<u8>>>();
}

#[test]
fn futures_are_unpin_and_sync_whatever_buffer_they_carry() {
    /// A buffer that is neither `Sync` nor `Unpin`.
    struct Odd(Vec<u8>, PhantomData<Cell<u8>>, std::marker::PhantomPinned);

    // SAFETY: the inner vector's buffer, whose contract carries over.
    unsafe impl ringmesh_buf::IoBuf for Odd {
        fn as_ptr(&self) -> *const u8 {
            self.0.as_ptr()
        }

        fn len_init(&self) -> usize {
            self.0.len()
        }
    }

    // SAFETY: as above.
    unsafe impl ringmesh_buf::IoBufMut for Odd {
        fn as_mut_ptr(&mut self) -> *mut u8 {
            self.0.as_mut_ptr()
        }

        fn capacity_total(&self) -> usize {
            self.0.capacity()
        }

        unsafe fn set_len_init(&mut self, len: usize) {
            // SAFETY: the caller's promise.
            unsafe { self.0.set_len(len) }
        }
    }

    is_static::<OwnedRead<Odd>>();
    is_static::<OwnedWrite<Odd>>();
    is_shareable::<ReadExact<'_, Odd>>();
    is_shareable::<RecvFrom<'_, Odd>>();
    is_shareable::<SendTo<Odd>>();
}

#[test]
fn connecting_and_binding_are_send() {
    fn is_send<T: Send + Sync>(_: T) {}
    is_send(TcpStream::connect("127.0.0.1:1"));
    is_send(TcpStream::connect_timeout(
        ("localhost", 1),
        std::time::Duration::ZERO,
    ));
    is_send(TcpListener::bind("127.0.0.1:1"));
    is_send(UdpSocket::bind("127.0.0.1:1"));
    is_send(UnixStream::connect("/nowhere"));
}

#[test]
fn handles_are_clone_and_everything_is_debug() {
    is_clone::<TcpStream>();
    is_clone::<UnixStream>();
    is_clone::<UdpSocket>();
    is_debug::<TcpListener>();
    is_debug::<TcpStream>();
    is_debug::<Incoming<'_>>();
    is_debug::<OwnedRead<Vec<u8>>>();
    is_debug::<OwnedWrite<Vec<u8>>>();
    is_debug::<ReadExact<'_, Vec<u8>>>();
    is_debug::<Timed<Write<'_, Vec<u8>>>>();
}
