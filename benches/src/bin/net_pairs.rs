//! TCP connections with both ends inside the runtime: 256 bytes there and back, on 1, 8 and 64 connections (`--connections N`
//! for one number only), two shards, beside tokio.
//!
//! The time is that of a round trip over all connections together: the time of the whole, divided by its round trips.

use std::io;

use ringmesh_bench::option;
use ringmesh_bench::rounds::{Placement, Sample, Table, Unit, Watch};
use ringmesh_bench::runtimes::{Mesh, Runtime, Tokio};

/// Bytes of a message.
const SIZE: usize = 256;

fn main() {
    let trips = option::value("--trips", 20_000u64);
    let counts = match option::value("--connections", 0) {
        0 => vec![1, 8, 64],
        count => vec![count],
    };
    for placement in Placement::asked() {
        for &count in &counts {
            let each = (trips / count).max(1);
            let title = format!("both ends inside, {count} connections, {SIZE} B");
            Table::new(title, placement, Unit::Micros)
                .row("ringmesh", move || {
                    Mesh::run(2, placement, mesh(count, each, false))
                })
                .row("ringmesh, leases", move || {
                    Mesh::run(2, placement, mesh(count, each, true))
                })
                .row("tokio", move || {
                    Tokio::run(2, placement, tokio(count, each))
                })
                .run();
        }
    }
}

async fn mesh(connections: u64, trips: u64, leases: bool) -> Sample {
    use ringmesh::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("its address");
    let mut clients = Vec::new();
    for _ in 0..connections {
        let client = TcpStream::connect(address).await.expect("a connection");
        let (server, _) = listener.accept().await.expect("a connection");
        client.set_nodelay(true).expect("an option");
        server.set_nodelay(true).expect("an option");
        if leases {
            ringmesh::spawn(echo_leases(server));
        } else {
            ringmesh::spawn(echo_mesh(server));
        }
        clients.push(client);
    }
    let watch = Watch::start();
    let clients = clients.into_iter().enumerate();
    let tasks: Vec<_> = clients
        .map(|(seed, c)| match leases {
            true => ringmesh::spawn(ping_leases(c, seed as u64, trips)),
            false => ringmesh::spawn(ping_mesh(c, seed as u64, trips)),
        })
        .collect();
    let mut sum = 0u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await.expect("a task").expect("an echo"));
    }
    watch.end(connections * trips, sum)
}

async fn echo_mesh(stream: ringmesh::net::TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(SIZE);
    loop {
        let (n, filled) = stream.read(buffer).await?;
        if n == 0 {
            return Ok(());
        }
        (_, buffer) = stream.write_all(filled).await?;
    }
}

async fn ping_mesh(stream: ringmesh::net::TcpStream, seed: u64, trips: u64) -> io::Result<u64> {
    let mut buffer = message(seed);
    let mut sum = 0u64;
    for trip in 0..trips {
        buffer[..8].copy_from_slice(&trip.to_le_bytes());
        (_, buffer) = stream.write_all(buffer).await?;
        (_, buffer) = stream.read_exact(buffer, SIZE).await?;
        sum = sum.wrapping_add(digest(&buffer));
    }
    Ok(sum)
}

/// The receive stays armed, and the kernel picks the buffer when bytes have come.
async fn echo_leases(stream: ringmesh::net::TcpStream) -> io::Result<()> {
    let mut answer = Vec::with_capacity(SIZE);
    while let Some(lease) = stream.recv().await? {
        answer.clear();
        answer.extend_from_slice(&lease);
        drop(lease);
        (_, answer) = stream.write_all(answer).await?;
    }
    Ok(())
}

async fn ping_leases(stream: ringmesh::net::TcpStream, seed: u64, trips: u64) -> io::Result<u64> {
    let mut buffer = message(seed);
    let mut sum = 0u64;
    for trip in 0..trips {
        buffer[..8].copy_from_slice(&trip.to_le_bytes());
        (_, buffer) = stream.write_all(buffer).await?;
        buffer.clear();
        while buffer.len() < SIZE {
            let lease = stream.recv().await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            buffer.extend_from_slice(&lease);
        }
        sum = sum.wrapping_add(digest(&buffer));
    }
    Ok(sum)
}

async fn tokio(connections: u64, trips: u64) -> Sample {
    use tokio::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let address = listener.local_addr().expect("its address");
    let mut clients = Vec::new();
    for _ in 0..connections {
        let client = TcpStream::connect(address).await.expect("a connection");
        let (server, _) = listener.accept().await.expect("a connection");
        client.set_nodelay(true).expect("an option");
        server.set_nodelay(true).expect("an option");
        tokio::spawn(echo_tokio(server));
        clients.push(client);
    }
    let watch = Watch::start();
    let clients = clients.into_iter().enumerate();
    let tasks: Vec<_> = clients
        .map(|(seed, c)| Tokio::spawn(ping_tokio(c, seed as u64, trips)))
        .collect();
    let mut sum = 0u64;
    for task in tasks {
        sum = sum.wrapping_add(task.await.expect("an echo"));
    }
    watch.end(connections * trips, sum)
}

async fn echo_tokio(mut stream: tokio::net::TcpStream) -> io::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = vec![0; SIZE];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..n]).await?;
    }
}

async fn ping_tokio(mut stream: tokio::net::TcpStream, seed: u64, trips: u64) -> io::Result<u64> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut buffer = message(seed);
    let mut sum = 0u64;
    for trip in 0..trips {
        buffer[..8].copy_from_slice(&trip.to_le_bytes());
        stream.write_all(&buffer).await?;
        stream.read_exact(&mut buffer).await?;
        sum = sum.wrapping_add(digest(&buffer));
    }
    Ok(sum)
}

fn message(seed: u64) -> Vec<u8> {
    (0..SIZE).map(|index| (index as u64 ^ seed) as u8).collect()
}

/// Cheap, but every byte counts.
fn digest(bytes: &[u8]) -> u64 {
    let words = bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().expect("8 bytes")));
    words.fold(0, |sum, word| sum.rotate_left(5) ^ word)
}
