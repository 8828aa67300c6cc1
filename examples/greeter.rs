//! Sockets alone: a server and its clients in one process, and a read whose future is dropped without losing a byte.
//!
//! `cargo run --example greeter`

use std::{io, net::SocketAddr, time::Duration};

use ringmesh_net::{TcpListener, TcpStream};
use ringmesh_sched::{spawn, time};

fn main() -> io::Result<()> {
    ringmesh_op::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = spawn(serve(listener));
        for name in ["Ada", "Grace"] {
            println!("{}", greet(address, name).await?);
        }
        server.abort();
        Ok(())
    })
    .map_err(io::Error::other)?
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let mut incoming = listener.incoming();
    while let Some((stream, _peer)) = incoming.next().await? {
        spawn(async move {
            let (_, name) = stream.read(Vec::with_capacity(64)).await?;
            time::sleep(Duration::from_millis(20)).await;
            let greeting = format!("hello, {}", String::from_utf8_lossy(&name));
            stream.write_all(greeting.into_bytes()).await?;
            io::Result::Ok(())
        });
    }
    Ok(())
}

async fn greet(address: SocketAddr, name: &'static str) -> io::Result<String> {
    let stream = TcpStream::connect(address).await?;
    stream.write_all(name).await?;
    // Given up after 5 ms, while the kernel holds the buffer: whatever it brings comes first in the next read.
    let impatient = time::timeout(Duration::from_millis(5), stream.read(vec![0; 64])).await;
    if let Ok(done) = impatient {
        let (_, bytes) = done?;
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let (_, bytes) = stream.read(vec![0; 64]).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
