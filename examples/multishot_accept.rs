//! Multishot accept: one request to the kernel, a completion for each connection.
//!
//! A hundred clients connect; the counters show that accepting them took a handful of submissions.

use std::io;

use ringmesh::Handle;
use ringmesh::net::{TcpListener, TcpStream};

/// Connections to be made.
const CLIENTS: usize = 100;

#[ringmesh::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // Plain threads connect, so that the ring's counters hold nothing but the accepting.
    let clients = std::thread::spawn(move || -> io::Result<Vec<std::net::TcpStream>> {
        (0..CLIENTS)
            .map(|_| std::net::TcpStream::connect(address))
            .collect()
    });
    let before = Handle::current().metrics().total();
    let mut accepted: Vec<TcpStream> = Vec::new();
    let mut incoming = listener.incoming();
    while accepted.len() < CLIENTS {
        match incoming.next().await? {
            Some((stream, _)) => accepted.push(stream),
            None => break,
        }
    }
    let after = Handle::current().metrics().total();
    println!(
        "{} connections by {} submissions and {} completions",
        accepted.len(),
        after.submits - before.submits,
        after.completions - before.completions,
    );
    drop(clients.join().expect("a thread that does not panic")?);
    Ok(())
}
