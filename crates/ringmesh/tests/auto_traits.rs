//! What crosses threads, what may be moved, and how large it is: checked by the compiler.

use ringmesh::io::{Duplex, DuplexRead, DuplexWrite, PollIo};
use ringmesh::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use ringmesh::{
    AbortHandle, CancellationToken, Cancelled, Handle, JoinHandle, JoinSet, Lane, Runtime, time,
};

const fn send_sync_unpin<T: Send + Sync + Unpin>() {}
const fn send_sync<T: Send + Sync>() {}
const fn at_most(size: usize, limit: usize) {
    assert!(size <= limit);
}

const _: () = {
    send_sync_unpin::<PollIo<TcpStream>>();
    send_sync_unpin::<PollIo<UnixStream>>();
    send_sync_unpin::<PollIo<Duplex>>();
    send_sync_unpin::<DuplexRead<Vec<u8>>>();
    send_sync_unpin::<DuplexWrite<Vec<u8>>>();
    send_sync_unpin::<ringmesh::net::Read<'static, Vec<u8>>>();
    send_sync_unpin::<ringmesh::net::WriteAll<'static, Vec<u8>>>();
    send_sync_unpin::<ringmesh::net::OwnedRead<Vec<u8>>>();
    send_sync_unpin::<ringmesh::net::OwnedWrite<Vec<u8>>>();
    send_sync_unpin::<time::Sleep>();
    send_sync_unpin::<JoinHandle<()>>();
    send_sync_unpin::<JoinSet<()>>();
    send_sync_unpin::<AbortHandle>();
    send_sync_unpin::<CancellationToken>();
    send_sync_unpin::<Cancelled>();
    send_sync_unpin::<TcpListener>();
    send_sync_unpin::<TcpStream>();
    send_sync_unpin::<UdpSocket>();
    send_sync_unpin::<ringmesh::fs::File>();
    send_sync::<Handle>();
    send_sync::<Runtime>();
    send_sync::<Lane>();
    send_sync_unpin::<ringmesh::signal::Listener>();

    at_most(size_of::<TcpStream>(), 8);
    at_most(size_of::<JoinHandle<[u8; 1000]>>(), 16);
    at_most(size_of::<PollIo<TcpStream>>(), 256);
};

#[cfg(feature = "hyper")]
const _: () = {
    send_sync_unpin::<ringmesh::io::HyperSleep>();
    send_sync_unpin::<ringmesh::io::HyperTimer>();
    send_sync_unpin::<ringmesh::io::Executor>();
};

/// Generic code over the traits gives futures that can be spawned.
#[allow(dead_code, reason = "it only has to compile")]
fn a_copy_can_be_spawned(mut from: TcpStream, mut to: TcpStream) {
    ringmesh::spawn(async move { ringmesh::io::copy(&mut from, &mut to).await });
}
