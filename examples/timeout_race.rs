//! Cancellation loses nothing: a read races a timer again and again, and every byte still arrives, in order.
//!
//! The timer is about as fast as the bytes, so that some reads are dropped before their bytes come, some after, and some while
//! the kernel is at it.

use std::io;
use std::time::Duration;

use ringmesh::net::{TcpListener, TcpStream};
use ringmesh::time;

/// Bytes that the writer sends, one at a time.
const BYTES: u32 = 2_000;

#[ringmesh::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let writer = ringmesh::spawn(write(TcpStream::connect(address).await?));
    let (reader, _) = listener.accept().await?;

    let (mut received, mut dropped) = (0u32, 0u32);
    loop {
        let patience = Duration::from_micros(u64::from(received % 7) * 15);
        match time::timeout(patience, reader.read(Vec::with_capacity(64))).await {
            Err(_) => dropped += 1,
            Ok(Ok((0, _))) => break,
            Ok(Ok((_, bytes))) => {
                for byte in bytes {
                    assert_eq!(byte, received as u8, "byte {received}");
                    received += 1;
                }
            }
            Ok(Err(error)) => return Err(error.into()),
        }
    }
    writer.await.map_err(io::Error::other)??;
    assert_eq!(received, BYTES);
    println!("{dropped} reads were dropped in flight, {received} of {BYTES} bytes arrived");
    Ok(())
}

async fn write(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    for index in 0..BYTES {
        stream.write_all(vec![index as u8]).await?;
        time::sleep(Duration::from_micros(50)).await;
    }
    Ok(())
}
