//! A TCP echo server: a stealable task a connection.
//!
//! `cargo run --release --example echo [127.0.0.1:7000]`, then `nc 127.0.0.1 7000`. Ctrl-C ends it.

use std::io;

use ringmesh::net::{TcpListener, TcpStream};

#[ringmesh::main]
async fn main() -> io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:7000".to_owned());
    let listener = TcpListener::bind(&*address).await?;
    println!("echo on {}", listener.local_addr()?);
    let server = ringmesh::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await?;
            ringmesh::spawn(async move {
                match echo(stream).await {
                    Ok(bytes) => println!("{peer}: {bytes} bytes"),
                    Err(error) => eprintln!("{peer}: {error}"),
                }
            });
        }
        #[expect(unreachable_code, reason = "gives the block its type")]
        io::Result::Ok(())
    });
    ringmesh::signal::ctrl_c().await?;
    server.abort();
    Ok(())
}

/// Gives back what comes, in the buffer in which it came, until the peer ends.
async fn echo(stream: TcpStream) -> io::Result<u64> {
    let mut buffer = Vec::with_capacity(16 * 1024);
    let mut bytes = 0;
    loop {
        let (n, filled) = stream.read(buffer).await?;
        if n == 0 {
            return Ok(bytes);
        }
        bytes += n as u64;
        (_, buffer) = stream.write_all(filled).await?;
    }
}
