//! Syscalls of a TCP echo: 256 bytes there and back on one connection, the client a plain thread.
//!
//! Counted are the ring enters of the one shard that echoes, from the runtime's own counter, per round trip. The answer is one
//! `sendto` more, since a shard with nothing else to do sends on the spot; other calls it makes none in that time, sched_yield
//! apart. strace confirms it:
//!
//! ```text
//! strace -f -c target/release/echo_syscalls --pinned --rounds 1 --only leases
//! ```
//!
//! Its table holds the client's calls too: a `sendto` and a `recvfrom` per round trip.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;

use ringmesh::Handle;
use ringmesh::net::{TcpListener, TcpStream};
use ringmesh_bench::cpu;
use ringmesh_bench::option;
use ringmesh_bench::rounds::{Placement, Sample, Table, Unit, Watch};
use ringmesh_bench::runtimes::{Mesh, Runtime, Tokio};

/// Bytes of a message.
const SIZE: usize = 256;

fn main() {
    let trips = option::value("--trips", 20_000u64);
    for placement in Placement::asked() {
        Table::new(
            format!("echo of {SIZE} B, one connection"),
            placement,
            Unit::Micros,
        )
        .row("ringmesh, read", move || mesh(placement, trips, false))
        .row("ringmesh, leases", move || mesh(placement, trips, true))
        .row("tokio", move || {
            Tokio::run(1, placement, tokio(placement, trips))
        })
        .run();
    }
}

fn mesh(placement: Placement, trips: u64, leases: bool) -> Sample {
    let echo = async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("its address");
        let client = thread::spawn(move || client(address, placement, trips));
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("an option");
        let before = Handle::current().metrics().total().enters;
        match leases {
            true => echo_leases(stream).await,
            false => echo_reads(stream).await,
        }
        .expect("an echo");
        let enters = Handle::current().metrics().total().enters - before;
        let mut sample = client.join().expect("a client that does not panic");
        sample.extra = Some(("enters", enters as f64 / trips as f64));
        sample
    };
    Mesh::run(1, placement, echo)
}

async fn echo_reads(stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(SIZE);
    loop {
        let (n, filled) = stream.read(buffer).await?;
        if n == 0 {
            return Ok(());
        }
        (_, buffer) = stream.write_all(filled).await?;
    }
}

/// Multishot recv into the shard's provided buffers: the receive stays armed.
async fn echo_leases(stream: TcpStream) -> std::io::Result<()> {
    let mut answer = Vec::with_capacity(SIZE);
    while let Some(lease) = stream.recv().await? {
        answer.clear();
        answer.extend_from_slice(&lease);
        drop(lease);
        (_, answer) = stream.write_all(answer).await?;
    }
    Ok(())
}

async fn tokio(placement: Placement, trips: u64) -> Sample {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a listener");
    let address = listener.local_addr().expect("its address");
    let client = thread::spawn(move || client(address, placement, trips));
    let (mut stream, _) = listener.accept().await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let mut buffer = vec![0; SIZE];
    loop {
        let n = stream.read(&mut buffer).await.expect("a read");
        if n == 0 {
            return client.join().expect("a client that does not panic");
        }
        stream.write_all(&buffer[..n]).await.expect("a write");
    }
}

/// The peer: a thread on the second CPU (if pinned), which measures.
fn client(server: SocketAddr, placement: Placement, trips: u64) -> Sample {
    if placement == Placement::Pinned {
        cpu::pin(1);
    }
    let mut stream = std::net::TcpStream::connect(server).expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let mut buffer = [7; SIZE];
    let mut sum = 0u64;
    let watch = Watch::start();
    for trip in 0..trips {
        buffer[..8].copy_from_slice(&trip.to_le_bytes());
        stream.write_all(&buffer).expect("a write");
        stream.read_exact(&mut buffer).expect("a read");
        let word = u64::from_le_bytes(buffer[..8].try_into().expect("8 bytes"));
        sum = sum.wrapping_mul(31).wrapping_add(word);
    }
    watch.end(trips, sum)
}
